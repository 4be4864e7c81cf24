// JSON as grammar fragments: what every constrained answer is made of. White space is at most one
// blank after a colon and a comma, so that a model cannot go on with blanks; strings are UTF-8;
// numbers have at most 15 digits before and behind the point, integers at most 18.
//
// Each function takes the node that follows and gives the node that begins (grammar.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/constrain/grammar.h"
#include "engine/constrain/text_states.h"

namespace hone::engine {

// Whole numbers; a bound that is absent does not bind.
struct NumberBounds {
  std::optional<std::int64_t> low;
  bool above_low = false;  // the bound itself is not allowed
  std::optional<std::int64_t> high;
  bool below_high = false;
  std::int64_t step = 1;  // of integers: only multiples of it
};

class JsonGrammar {
 public:
  explicit JsonGrammar(GrammarBuilder& builder);

  [[nodiscard]] NodeId blank(NodeId next) { return grammar_.maybe(grammar_.byte(' ', next), next); }
  [[nodiscard]] NodeId comma(NodeId next) { return grammar_.byte(',', blank(next)); }
  [[nodiscard]] NodeId colon(NodeId next) { return grammar_.byte(':', blank(next)); }

  [[nodiscard]] NodeId value(NodeId next) { return grammar_.call(value_, next); }  // any
  [[nodiscard]] NodeId object(NodeId next) { return grammar_.call(object_, next); }
  [[nodiscard]] NodeId array(NodeId next) { return grammar_.call(array_, next); }
  [[nodiscard]] NodeId boolean(NodeId next) { return grammar_.one_of({"true", "false"}, next); }
  // Of so many characters; an escape is one.
  [[nodiscard]] NodeId string(std::uint32_t least, std::uint32_t most, NodeId next);
  // One that `expression` is found in. kInvalid says what of the expression cannot be had.
  [[nodiscard]] Result<NodeId> string_with(std::string_view expression, TextLength length,
                                           NodeId next);
  // Whether the multiples of `bounds.step` are few enough, or its remainders.
  [[nodiscard]] static bool can_step(const NumberBounds& bounds);
  [[nodiscard]] NodeId integer(const NumberBounds& bounds, NodeId next);
  [[nodiscard]] NodeId number(const NumberBounds& bounds, NodeId next);
  // A member's name that is none of `names`.
  [[nodiscard]] NodeId other_name(const std::vector<std::string>& names, NodeId next);

  // An answer in plain words: what no reader takes for a call. It begins with neither blanks, `{`,
  // nor `<|`; or it is empty.
  [[nodiscard]] NodeId plain_words(NodeId next);

 private:
  [[nodiscard]] NodeId beyond_ascii(NodeId next);
  [[nodiscard]] NodeId escape(NodeId next);
  [[nodiscard]] NodeId digits(std::uint32_t least, std::uint32_t most, NodeId next);
  [[nodiscard]] NodeId fraction(NodeId next);
  [[nodiscard]] NodeId fraction_above_zero(NodeId next);
  class Wholes;
  // Digits of the whole numbers from `low` to `high`, both at least 0.
  [[nodiscard]] NodeId whole(std::int64_t low, std::int64_t high, NodeId next);
  // Digits and perhaps a fraction, from `low` to `high`, both at least 0.
  [[nodiscard]] NodeId magnitude(std::int64_t low, bool above_low, std::int64_t high,
                                 bool below_high, NodeId next);
  struct NameEnds {
    NodeId quote;         // the end of the name
    NodeId rest;          // any characters, then that
    NodeId beyond_ascii;  // one of those, then the rest
  };
  [[nodiscard]] NodeId name_outside(std::vector<std::string> names, std::size_t depth,
                                    const NameEnds& ends);
  void define_values();
  [[nodiscard]] NodeId character_in(const CharacterSet& set, NodeId next);
  [[nodiscard]] NodeId escaped_in(const CharacterSet& set, NodeId next);
  [[nodiscard]] std::vector<NodeId> beyond_ascii_in(const CharacterSet& set, NodeId next);
  [[nodiscard]] NodeId bytes_between(std::string_view low, std::string_view high, NodeId next);

  GrammarBuilder& grammar_;
  RuleId character_ = 0;      // of a string
  RuleId raw_character_ = 0;  // without escapes
  RuleId any_byte_ = 0;
  RuleId value_ = 0;
  RuleId object_ = 0;
  RuleId array_ = 0;
  PatternBudget budget_;
  std::map<CharacterSet, RuleId> sets_;  // that are more than one byte of ASCII
  std::map<std::tuple<std::string, std::uint32_t, std::uint32_t>, RuleId> texts_;  // behind "
};

}  // namespace hone::engine
