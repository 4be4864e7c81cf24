// What every room does with short texts: small letters, and blanks taken off the ends. ASCII only,
// whatever the locale; all other bytes stay as they are. Pure, from any thread.
#pragma once

#include <string>
#include <string_view>

namespace hone {

[[nodiscard]] constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string lower_case(std::string_view text);

// A part of `text`: without what of `blanks` stands at its beginning and its end.
[[nodiscard]] std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

}  // namespace hone
