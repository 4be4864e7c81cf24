// Cuts text into the pieces that BPE works on, never across. The patterns are regular expressions
// in tokenizer.json; here they are scanners by hand, because they need look-ahead and Unicode
// classes, and because a backtracking engine has no place on text from outside. Linear in the text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hone::engine {

enum class SplitPattern { kGpt2, kLlama3 };

struct Pretokenizer {
  SplitPattern pattern = SplitPattern::kGpt2;
  bool digits_alone = false;  // every \p{N} is a piece of its own, before the pattern (SmolLM2)
};

// The expressions, as tokenizer.json spells them.
inline constexpr std::string_view kLlama3Regex =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
inline constexpr std::string_view kGpt2Regex =
    R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re";

// The pieces in order; together they are the text.
[[nodiscard]] std::vector<std::string_view> split(const Pretokenizer& pretokenizer,
                                                  std::string_view text);

}  // namespace hone::engine
