// Names that come from a file, as an error message may show them: in quotes, short, and without
// what a terminal or a log would take for more than text.
#pragma once

#include <string>
#include <string_view>

#include "engine/model/utf8.h"

namespace hone::engine {

[[nodiscard]] inline std::string in_quotes(std::string_view name) {
  constexpr std::size_t kLongest = 160;
  std::string shown = replace_invalid_utf8(name.substr(0, kLongest));
  for (char& byte : shown) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) byte = '?';
  }
  return "'" + shown + (name.size() > kLongest ? "…'" : "'");
}

// What a library's exception says, without the stack below it.
[[nodiscard]] inline std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace hone::engine
