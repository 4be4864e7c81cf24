// The texts that a schema's `pattern` or `format` allows, as a deterministic automaton over
// characters, from which json_grammar.h makes the grammar of a string.
//
//   PatternBudget budget;
//   auto text = text_states("^[a-z]+$", {.least = 2, .most = 8}, budget);
//
// An expression is searched for in the text, as JSON Schema has it, unless ^ and $ hold it to the
// ends. Understood are literals, ., classes, \d \w \s and their opposites, \n \r \t \f, \xHH,
// \uHHHH, groups without look-around, |, ^, $ and the quantifiers. Where dialects differ (what \s
// and . are, a line's end before $) the smaller set of texts is taken, so that what is written is
// matched by ECMAScript and by Vectorscan (engine/schema/pattern.h) alike. Anything else is an
// error that names it; sizes and work are bounded.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/constrain/grammar.h"

namespace hone::engine {

struct CharacterRange {
  char32_t first = 0;
  char32_t last = 0;
  auto operator<=>(const CharacterRange&) const = default;
};
// In order, neither touching nor overlapping, and without the surrogates, which are no characters.
using CharacterSet = std::vector<CharacterRange>;

[[nodiscard]] CharacterSet character_set(std::vector<CharacterRange> ranges);
[[nodiscard]] CharacterSet all_but(const CharacterSet& set);

// An expression as a tree; `parts` of a sequence or a choice, the one of a repetition.
struct PatternPart {
  enum class Kind : std::uint8_t { kSet, kBegin, kEnd, kSequence, kChoice, kRepeat };
  Kind kind = Kind::kSequence;
  CharacterSet set;
  std::vector<std::size_t> parts;
  std::uint32_t least = 0;
  std::uint32_t most = kNoLimit;
};
struct PatternTree {
  std::vector<PatternPart> parts;
  std::size_t root = 0;
};
[[nodiscard]] Result<PatternTree> parse_pattern(std::string_view expression);

// How much all patterns of a schema may take together.
struct PatternBudget {
  std::size_t states = 8192;
  std::size_t work = 2'000'000;
};

struct TextLength {  // in characters
  std::uint32_t least = 0;
  std::uint32_t most = kNoLimit;
};

struct TextStates {
  struct State {
    bool complete = false;  // the text may end here
    std::vector<std::pair<CharacterSet, std::uint32_t>> steps;
  };
  std::vector<State> states;  // the first is the beginning; from each of the others a text can end
};

// kInvalid says what of the expression cannot be had.
[[nodiscard]] Result<TextStates> text_states(std::string_view expression, TextLength length,
                                             PatternBudget& budget);

}  // namespace hone::engine
