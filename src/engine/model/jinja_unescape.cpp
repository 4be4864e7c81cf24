#include "engine/model/jinja_unescape.h"

#include <algorithm>
#include <charconv>

#include "engine/model/jinja_budget.h"
#include "engine/model/utf8.h"

namespace hone::engine::jinja {
namespace {

// The escapes of one letter, each before what it stands for.
constexpr std::string_view kLetters = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";

char letter_escape(char letter) {
  for (std::size_t i = 0; i < kLetters.size(); i += 2) {
    if (kLetters[i] == letter) return kLetters[i + 1];
  }
  return '\0';
}

// A number of exactly `digits` digits, or of one to three where `octal`, off the front of `rest`.
char32_t take_code(std::string_view& rest, std::size_t digits, bool octal, int line) {
  const std::string_view text = rest.substr(0, digits);
  unsigned code = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), code, octal ? 8 : 16);
  const auto used = static_cast<std::size_t>(read.ptr - text.data());
  if (read.ec != std::errc() || (!octal && used < digits)) {
    refuse("a string has an escape with too few digits", line);
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    refuse("a string has an escape for what is no character", line);
  }
  rest.remove_prefix(used);
  return code;
}

}  // namespace

std::string unescaped(std::string_view literal, int line) {
  std::string out;
  std::string_view rest = literal;
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    out += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.size() < 2) break;  // a literal does not end in a lone backslash
    const char letter = rest[1];
    if (letter >= '0' && letter <= '7') {
      rest.remove_prefix(1);
      append_utf8(out, take_code(rest, 3, true, line));
      continue;
    }
    rest.remove_prefix(2);
    if (const char one = letter_escape(letter); one != '\0') {
      out += one;
    } else if (letter == 'x') {
      append_utf8(out, take_code(rest, 2, false, line));
    } else if (letter == 'u') {
      append_utf8(out, take_code(rest, 4, false, line));
    } else if (letter == 'U') {
      append_utf8(out, take_code(rest, 8, false, line));
    } else if (letter == 'N' || static_cast<unsigned char>(letter) >= 0x80) {
      refuse_unsupported("this escape in a string", line);
    } else if (letter != '\n') {
      out += '\\';
      out += letter;
    }
  }
  return out;
}

}  // namespace hone::engine::jinja
