// What stands before a candidate, for rules that need a word beside a number. Used inside this
// folder only.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "base/text.h"
#include "privacy/finding.h"

namespace hone::privacy {

constexpr std::size_t kContextBytes = 32;

// One of `words` (lower case) in the bytes before `begin`, with no other number in between.
[[nodiscard]] inline bool has_word_before(std::string_view text, std::size_t begin,
                                          std::span<const std::string_view> words,
                                          std::size_t reach = kContextBytes) {
  const std::size_t from = begin > reach ? begin - reach : 0;
  std::string before = lower_case(text.substr(from, begin - from));
  if (const auto digit = before.find_last_of("0123456789"); digit != std::string::npos) {
    before.erase(0, digit + 1);
  }
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return before.find(word) != std::string::npos; });
}

}  // namespace hone::privacy
