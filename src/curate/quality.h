// Rules about a single text, cheap and stated, so that whoever reads a dataset's counts knows what
// they mean. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::curate {

// The languages that `language_of` tells apart: ISO 639-1.
[[nodiscard]] std::vector<std::string_view> known_languages();

// By script where that decides (Cyrillic, Greek, Hebrew, Arabic, Hangul, Kana, Han, Thai), else by
// the most frequent short words of each language. Code blocks do not count. Empty where too little
// speaks for one: fewer than three such words, or none that leads.
[[nodiscard]] std::string_view language_of(std::string_view text);

// Whether the text declines to answer: it begins with one of the phrases that models decline with
// (English, German, French, Spanish).
[[nodiscard]] bool is_refusal(std::string_view text);

// Whether the answer hit a limit of tokens, by the reason that the wire gave for its end.
[[nodiscard]] bool is_truncated(std::string_view stop_reason);

}  // namespace hone::curate
