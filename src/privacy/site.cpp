// Addresses of network cards, and of people's own web sites.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "privacy/address.h"
#include "privacy/boundary.h"
#include "privacy/context.h"

namespace hone::privacy {
namespace {

constexpr std::array<std::string_view, 10> kSiteWords = {
    "website", "web site", "homepage", "home page", "my site",
    "my blog", "my page",  "photo",    "portfolio", "profile"};

}  // namespace

std::optional<Finding> find_mac(std::string_view text, std::size_t at) {
  constexpr std::size_t kSize = 17;  // six pairs and five signs
  if (at < 2 || at - 2 + kSize > text.size()) return std::nullopt;
  const std::size_t begin = at - 2;
  const std::string_view address = text.substr(begin, kSize);
  const char sign = text[at];
  bool letters = false;
  bool digits = false;
  for (std::size_t i = 0; i < kSize; ++i) {
    if (i % 3 == 2 ? address[i] != sign : !is_hex_digit(address[i])) return std::nullopt;
    letters = letters || is_letter(address[i]);
    digits = digits || is_digit(address[i]);
  }
  const char before = char_before(text, begin);
  const char after = char_at(text, begin + kSize);
  // A longer row of pairs is a fingerprint or a dump.
  if (!begins_word(text, begin) || before == sign || is_word(after) || after == sign)
    return std::nullopt;
  const auto count = [&](std::string_view pair) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < kSize; i += 3)
      found += lower_case(address.substr(i, 2)) == pair ? 1 : 0;
    return found;
  };
  if (count("00") > 4 || count("ff") > 4) return std::nullopt;   // nobody's, or everybody's
  if (sign == '-' && !(letters && digits)) return std::nullopt;  // dates and the like
  return Finding{begin, begin + kSize, Type::kMac, "MAC address",
                 "six pairs of hexadecimal digits"};
}

std::optional<Finding> find_site(std::string_view text, std::size_t at) {
  const std::size_t size = text.substr(at >= 5 ? at - 5 : 0, 5) == "https" ? 5 : 4;
  if (at < size || text.substr(at - size, 4) != "http") return std::nullopt;
  const std::size_t begin = at - size;
  std::size_t end = at + 3;
  std::size_t dots = 0;
  while (is_word(char_at(text, end)) || char_at(text, end) == '-' ||
         (char_at(text, end) == '.' && is_word(char_at(text, end + 1)))) {
    dots += text[end] == '.' ? 1 : 0;
    ++end;
  }
  if (char_at(text, end) == '/') ++end;
  const char after = char_at(text, end);
  if (dots == 0 || is_word(after) || after == ':' || after == '?' || after == '%')
    return std::nullopt;
  constexpr std::size_t kReach = 16;
  if (!has_word_before(text, begin, kSiteWords, kReach)) return std::nullopt;
  return Finding{begin, end, Type::kUrl, "web site", "stands behind a word such as \"website\""};
}

}  // namespace hone::privacy
