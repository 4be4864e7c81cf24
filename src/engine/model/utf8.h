// UTF-8, read one character at a time, and the Unicode classes that tokenizers split by.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hone::engine {

struct Character {
  char32_t code = 0xFFFD;
  std::size_t size = 1;  // bytes; of a maximal ill-formed sequence where not `valid`
  bool valid = false;
};

// The character at `position`, which must lie inside `text`. Ill-formed sequences are delimited as
// the Unicode Standard (section 3.9, "substitution of maximal subparts") says.
[[nodiscard]] Character character_at(std::string_view text, std::size_t position);

void append_utf8(std::string& text, char32_t code);

// How many bytes at the end of `bytes` begin a character that may still be completed (0 to 3).
[[nodiscard]] std::size_t incomplete_utf8_tail(std::string_view bytes);

[[nodiscard]] bool is_utf8(std::string_view bytes);

// `bytes` with every maximal ill-formed sequence replaced by U+FFFD.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view bytes);

[[nodiscard]] bool is_letter(char32_t code);       // \p{L}
[[nodiscard]] bool is_number(char32_t code);       // \p{N}
[[nodiscard]] bool is_white_space(char32_t code);  // the property White_Space, a regex's \s

// `text` without white space at its ends, as Python's str.strip() and Jinja's trim see it.
[[nodiscard]] std::string_view strip(std::string_view text);

}  // namespace hone::engine
