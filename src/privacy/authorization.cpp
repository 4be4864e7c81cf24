// Credentials where a protocol or a command puts them: the Authorization header (RFC 9110, section
// 11), the user information of a URL (RFC 3986, section 3.2.1), options of well-known commands.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "privacy/boundary.h"
#include "privacy/encoding.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::array<bool, 256> make_url_ends() {
  std::array<bool, 256> ends{};
  for (const char c : std::string_view(" \t\r\n\"'`<>\\"))
    ends.at(static_cast<unsigned char>(c)) = true;
  return ends;
}
constexpr auto kUrlEnds = make_url_ends();

bool ends_url(char c) {
  return kUrlEnds[static_cast<unsigned char>(c)];
}

constexpr std::size_t kLongestUserinfo = 512;

constexpr std::array<std::string_view, 12> kStandIns = {"password", "pass",  "passwd", "pwd",
                                                        "secret",   "token", "xxx",    "xxxx",
                                                        "***",      "****",  "...",    "pw"};

bool is_stand_in(std::string_view value) {
  if (value.empty() || value.find_first_of("${}<>*[]") == 0) return true;
  if (value.find("${") != std::string_view::npos || value.find("{{") != std::string_view::npos)
    return true;
  const std::string plain = lower_case(value);
  return std::find(kStandIns.begin(), kStandIns.end(), plain) != kStandIns.end() ||
         plain.find("your") != std::string::npos;
}

// RFC 7617: base64 of "user:password".
bool is_basic(std::string_view value) {
  if (value.size() < 8) return false;
  const std::string plain = decode_base64(value, 0, value.size()).text;
  const std::size_t colon = plain.find(':');
  return colon != std::string::npos && colon + 1 < plain.size() && is_plain_text(plain);
}

bool is_host(std::string_view text, std::size_t at) {
  const char c = char_at(text, at);
  return is_word(c) || c == '[' || c == '<' || c == '{' || c == '$' || c == '%';
}

}  // namespace

std::optional<Finding> find_authorization(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (is_blank(char_at(text, begin))) ++begin;
  if (begin == at) return std::nullopt;
  std::size_t end = begin;
  while (end < text.size() && end - begin < kLongestUserinfo * 16 &&
         (is_word(text[end]) ||
          std::string_view("-._~+/=:|!").find(text[end]) != std::string_view::npos)) {
    ++end;
  }
  while (end > begin && std::string_view(".:!").find(text[end - 1]) != std::string_view::npos)
    --end;
  const std::string_view value = text.substr(begin, end - begin);
  const bool random = value.size() >= 16 && looks_random(value) && !looks_made_up(value);
  if (is_stand_in(value) || !(random || is_basic(value))) return std::nullopt;
  return Finding{begin, end, Type::kSecret, "authorization", "follows an authorization scheme"};
}

std::optional<Finding> find_url_password(std::string_view text, std::size_t at) {
  if (!is_letter(char_before(text, at)) && !is_digit(char_before(text, at))) return std::nullopt;
  const std::size_t user = at + 3;
  const std::size_t limit = std::min(text.size(), user + kLongestUserinfo);
  std::size_t authority = user;  // its end; a password may hold "/", "?" and "#" against the rules
  std::size_t end = user;
  std::size_t sign = 0;  // the last "@" that a host follows
  for (; end < limit && !ends_url(text[end]); ++end) {
    const char c = text[end];
    if (c == '@' && is_host(text, end + 1) && (sign == 0 || authority == user)) sign = end;
    if (authority == user && (c == '/' || c == '?' || c == '#')) authority = end;
    if (authority != user && sign != 0) break;
    // A second URL, or the next item of a list.
    if (c == ':' && text.substr(end, 3) == "://") return std::nullopt;
  }
  if (sign == 0) return std::nullopt;
  const std::size_t colon = text.find(':', user);
  constexpr std::string_view kReason = "the password of a URL";
  if (colon < sign) {
    const std::string_view password = text.substr(colon + 1, sign - colon - 1);
    // "http://host:8080/path@x": a port.
    if (authority != user && authority < sign && colon < authority &&
        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 1,
                    text.begin() + static_cast<std::ptrdiff_t>(authority), is_digit)) {
      return std::nullopt;
    }
    // "https://TOKEN:x-oauth-basic@host": the token is the user.
    const std::string_view name = text.substr(user, colon - user);
    if ((password.empty() || password.starts_with("x-oauth") || password == "x") &&
        name.size() >= 16) {
      return Finding{user, colon, Type::kSecret, "URL user", kReason};
    }
    if (is_stand_in(password)) return std::nullopt;
    return Finding{colon + 1, sign, Type::kSecret, "URL password", kReason};
  }
  const std::string_view name = text.substr(user, sign - user);
  if (authority != user && authority < sign) return std::nullopt;
  if (name.size() < 16 || !looks_random(name) || is_stand_in(name)) return std::nullopt;
  return Finding{user, sign, Type::kSecret, "URL user", "a token in a URL's user"};
}

std::optional<Finding> find_user_option(std::string_view text, std::size_t at) {
  constexpr std::size_t kLine = 300;
  const std::size_t from =
      text.rfind('\n', at) == std::string_view::npos ? 0 : text.rfind('\n', at);
  const std::string_view line = text.substr(from, std::min(kLine, text.size() - from));
  if (line.find("curl") == std::string_view::npos && line.find("http") == std::string_view::npos) {
    return std::nullopt;
  }
  std::size_t begin = at;
  const char quote = char_at(text, begin);
  const bool quoted = quote == '"' || quote == '\'';
  if (quoted) ++begin;
  std::size_t end = begin;
  while (end < text.size() && end - begin < kLongestUserinfo && text[end] != '\n' &&
         (quoted ? text[end] != quote : !ends_url(text[end]))) {
    ++end;
  }
  const std::size_t colon = text.substr(begin, end - begin).find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view password = text.substr(begin + colon + 1, end - begin - colon - 1);
  const auto chosen = [](char c) { return !is_letter(c); };
  if (password.size() < 6 || is_stand_in(password) ||
      std::none_of(password.begin(), password.end(), chosen) ||
      std::none_of(password.begin(), password.end(), is_letter)) {
    return std::nullopt;
  }
  return Finding{begin + colon + 1, end, Type::kSecret, "user option",
                 "a password on a command line"};
}

}  // namespace hone::privacy
