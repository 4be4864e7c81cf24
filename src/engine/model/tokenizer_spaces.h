// SentencePiece's way with spaces: in the vocabulary U+2581 stands for a space, and a text is
// encoded as if a space stood before it. tokenizer.json says so in one of two forms: a normalizer
// of Prepend and Replace ("legacy", what Llama 2 came with), or a Metaspace pre-tokenizer (`legacy:
// false`, and what transformers 5 writes). Used by the tokenizer only.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {

inline constexpr std::string_view kSpaceMark = "\u2581";

// Where a mark is put before what the text has. A stretch lies between added tokens.
enum class SpacePrefix {
  kNone,
  kFirst,         // Metaspace "first": before the text, unless it begins with a space
  kUnlessThere,   // Metaspace "always": before every stretch that does not begin with a space
  kEveryStretch,  // Prepend: before every stretch, so that one with a space gets two
};

struct Spaces {
  SpacePrefix prefix = SpacePrefix::kNone;
  bool normalizes = false;  // marks are there before added tokens with `normalized` are looked for
  bool split = false;       // BPE works on pieces that begin with a mark, not on whole stretches
};

// By tokenizer.json's `normalizer` and `pre_tokenizer`. What is neither form is refused by name.
[[nodiscard]] Result<Spaces> read_spaces(const json::object& root);

// A Metaspace step; `part` leads errors.
[[nodiscard]] Result<Spaces> read_metaspace(const json::object& step, std::string_view part);

// `stretch`, which is not empty, as the vocabulary writes it.
[[nodiscard]] std::string mark_spaces(const Spaces& spaces, std::string_view stretch,
                                      TextPlace place);

}  // namespace hone::engine
