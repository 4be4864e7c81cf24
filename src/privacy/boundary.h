// Where words begin. In text inside text, what stands before a value may be the end of an escape
// ("\nghp_…" in a JSON string, "%3Dghp_…" in a URL), and that is no part of the word. Used inside
// this folder only.
#pragma once

#include <cstddef>
#include <string_view>

#include "privacy/finding.h"

namespace hone::privacy {

// Whether an escape ends before `at`: \n \t \r \b \f, %XX, \u00XX, \xXX.
[[nodiscard]] inline bool ends_escape(std::string_view text, std::size_t at) {
  if (at < 2) return false;
  const char last = text[at - 1];
  if (text[at - 2] == '\\') {
    return last == 'n' || last == 't' || last == 'r' || last == 'b' || last == 'f';
  }
  const char third = char_before(text, at - 2);
  if (third != '%' && third != 'x' && third != '0') return false;
  if (!is_hex_digit(last) || !is_hex_digit(text[at - 2])) return false;
  if (third == '%') return true;
  if (third == 'x') return char_before(text, at - 3) == '\\';
  return at >= 6 && text.substr(at - 6, 4) == "\\u00";
}

[[nodiscard]] inline bool begins_word(std::string_view text, std::size_t at) {
  return !is_word(char_before(text, at)) || ends_escape(text, at);
}

}  // namespace hone::privacy
