#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "privacy/address.h"
#include "privacy/context.h"
#include "privacy/number.h"

namespace hone::privacy {
namespace {

constexpr std::array<std::string_view, 6> kVersionWords = {"version", "release", "ver.",
                                                           "rev.",    "build",   "section"};
constexpr std::size_t kVersionReach = 14;

// "==1.2.3.4", ">=…", "~=…", "v1.2.3.4": a version. A single "=" assigns an address.
bool follows_version_sign(std::string_view text, std::size_t begin) {
  const char before = char_before(text, begin);
  const char earlier = begin >= 2 ? text[begin - 2] : '\0';
  if (before == '^' || before == '~') return true;
  return before == '=' &&
         (earlier == '=' || earlier == '>' || earlier == '<' || earlier == '~' || earlier == '!');
}

}  // namespace

std::optional<Finding> find_ipv4(std::string_view text, const Number& number) {
  if (number.plus || number.groups.size() < 4) return std::nullopt;
  std::array<int, 4> parts{};
  for (std::size_t i = 0; i < 4; ++i) {
    const DigitGroup& group = number.groups[i];
    const std::string_view digits = text.substr(group.begin, group.end - group.begin);
    if ((i > 0 && group.before != ".") || digits.size() > 3) return std::nullopt;
    if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
    for (const char digit : digits) parts[i] = parts[i] * 10 + (digit - '0');
    if (parts[i] > 255) return std::nullopt;
  }
  const std::size_t begin = number.groups[0].begin;
  const std::size_t end = number.groups[3].end;
  const char before = char_before(text, begin);
  const char after = char_at(text, end);
  if (is_word(before) || before == '.' || is_word(after)) return std::nullopt;
  if (before == '-' && !is_digit(char_before(text, begin - 1))) return std::nullopt;
  if (after == '.' && is_digit(char_at(text, end + 1))) return std::nullopt;  // longer: an OID
  // Nobody's address: this host, no host, masks, networks; and versions.
  if (parts[0] == 127 || parts[0] == 0 || parts[0] == 255) return std::nullopt;
  if (after == '/' && parts[3] == 0) return std::nullopt;
  if (std::all_of(parts.begin(), parts.end(), [](int part) { return part < 10; })) {
    return std::nullopt;
  }
  if (follows_version_sign(text, begin)) return std::nullopt;
  if (has_word_before(text, begin, kVersionWords, kVersionReach)) return std::nullopt;
  return Finding{begin, end, Type::kIp, "IPv4 address", "four numbers up to 255"};
}

std::optional<Finding> find_ipv6(std::string_view text, std::size_t at) {
  const auto belongs = [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; };
  constexpr std::size_t kLongest = 45;  // INET6_ADDRSTRLEN without its end
  std::size_t begin = at;
  while (begin > 0 && at - begin < kLongest && belongs(text[begin - 1])) --begin;
  std::size_t end = at;
  while (end - begin <= kLongest && belongs(char_at(text, end))) ++end;
  while (end > begin && (text[end - 1] == '.' || (text[end - 1] == ':' && text[end - 2] != ':'))) {
    --end;
  }
  if (is_word(char_before(text, begin)) || is_word(char_at(text, end))) return std::nullopt;
  const std::string address(text.substr(begin, end - begin));
  std::array<unsigned char, 16> bytes{};
  if (address.size() > kLongest || ::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  // Short forms that also are C++ scopes and the like: "abc::def", "::1".
  std::size_t groups = 0;
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (address[i] != ':' && (i == 0 || address[i - 1] == ':')) ++groups;
  }
  const std::string_view first = std::string_view(address).substr(0, address.find(':'));
  const bool has_digit = std::any_of(first.begin(), first.end(), is_digit);
  if (groups < 2 || (groups < 4 && (first.size() != 4 || !has_digit))) return std::nullopt;
  return Finding{begin, end, Type::kIp, "IPv6 address", "groups of hexadecimal digits"};
}

}  // namespace hone::privacy
