// Secrets that are known by the name they are given: password = "…", api_key: …, Authorization:
// Bearer …. Most assignments in code are not secrets but names, calls and stand-ins, so the value
// must look like one.
#include <algorithm>
#include <array>

#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kLongestValue = 512;

constexpr std::array<std::string_view, 10> kPasswordNames = {
    "password", "passwd", "passphrase", "passcode",   "kennwort",
    "passwort", "pwd",    "pin_code",   "credential", "credentials"};
constexpr std::array<std::string_view, 15> kTokenNames = {
    "secret",   "token",       "api_key",        "apikey",        "access_key",
    "auth_key", "secret_key",  "private_key",    "client_secret", "account_key",
    "bearer",   "signing_key", "encryption_key", "master_key",    "session_key"};

// What people and documents write where a secret would stand.
constexpr std::array<std::string_view, 20> kStandIns = {
    "your",        "example",  "xxxx",    "****",    "....",     "changeme", "change_me",
    "placeholder", "dummy",    "process", "environ", "getenv",   "null",     "undefined",
    "required",    "redacted", "insert",  "replace", "secrets.", "todo"};

std::string plain_name(std::string_view name) {
  std::string plain = lower(name);
  std::replace(plain.begin(), plain.end(), '-', '_');
  return plain;
}

template <std::size_t N>
bool ends_with_any(std::string_view name, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return name.ends_with(word); });
}

bool is_password_name(std::string_view name) {
  const std::string plain = plain_name(name);
  return plain == "pass" || plain.ends_with("_pass") || ends_with_any(plain, kPasswordNames);
}

// "apiKey" and "accessKey" have no underscore to tell them by.
bool is_token_name(std::string_view name) {
  const std::string plain = plain_name(name);
  if (ends_with_any(plain, kTokenNames)) return true;
  return plain.ends_with("accesskey") || plain.ends_with("secretkey") ||
         plain.ends_with("authkey") || plain.ends_with("privatekey") ||
         plain.ends_with("accountkey");
}

bool is_stand_in(std::string_view value) {
  if (value.empty() || value.find_first_of("<>{}$%()[] \t\r\n") != std::string_view::npos)
    return true;
  const std::string plain = lower(value);
  return std::any_of(kStandIns.begin(), kStandIns.end(),
                     [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

// Two kinds of characters besides small letters, or a digit among letters: chosen, not a word.
bool is_chosen(std::string_view value) {
  const auto any = [&](auto is) { return std::any_of(value.begin(), value.end(), is); };
  const bool letter = any(is_letter);
  const bool symbol = any([](char c) { return !is_word(c) && c != '-' && c != '.' && c != '/'; });
  return letter && (any(is_digit) || symbol);
}

struct Value {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool quoted = false;
};

// What follows "=" or ":" at `at`: to the closing quote, or to what ends a bare word.
Value read_value(std::string_view text, std::size_t at) {
  while (char_at(text, at) == '=' || char_at(text, at) == '>' || char_at(text, at) == ':') ++at;
  while (is_blank(char_at(text, at))) ++at;
  // A string inside a string has its quotes escaped.
  std::size_t begin = at;
  while (char_at(text, begin) == '\\') ++begin;
  const char quote = char_at(text, begin);
  if (quote == '"' || quote == '\'' || quote == '`') {
    const std::size_t end =
        text.substr(0, begin + kLongestValue).find_first_of(std::string{quote, '\n'}, begin + 1);
    if (end == std::string_view::npos || text[end] == '\n') return {};
    std::size_t last = end;
    while (last > begin + 1 && text[last - 1] == '\\') --last;
    return {begin + 1, last, true};
  }
  std::size_t end = at;
  while (end < text.size() && end - at < kLongestValue &&
         std::string_view(" \t\r\n\"'`,;&|<>(){}[]\\").find(text[end]) == std::string_view::npos) {
    ++end;
  }
  // A bracket makes it a call, an index or a template; what follows is no value.
  if (std::string_view("([{<").find(char_at(text, end)) != std::string_view::npos &&
      end < text.size()) {
    return {};
  }
  return {at, end, false};
}

// The name that ends before "=" or ":" at `at`.
std::string_view name_before(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && (is_blank(text[end - 1]) || text[end - 1] == '"' || text[end - 1] == '\'' ||
                     text[end - 1] == '\\' || text[end - 1] == ']')) {
    --end;
  }
  std::size_t begin = end;
  while (begin > 0 && end - begin < 64 && (is_word(text[begin - 1]) || text[begin - 1] == '-')) {
    --begin;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

bool names_secret(std::string_view name) {
  return is_password_name(name) || is_token_name(name);
}

bool is_assigned_secret(std::string_view name, std::string_view value) {
  if (value.size() > kLongestValue) return false;
  if (is_password_name(name)) {
    return value.size() >= 6 && !is_stand_in(value) && is_chosen(value);
  }
  return value.size() >= 12 && is_token_name(name) && !is_stand_in(value) && looks_random(value);
}

std::optional<Finding> find_assigned(std::string_view text, std::size_t at) {
  const std::string_view name = name_before(text, at);
  const Value value = read_value(text, at);
  const std::string_view said = text.substr(value.begin, value.end - value.begin);
  // A bare word with a dot is a field: password = settings.password2.
  const bool field =
      !value.quoted && said.find('.') != std::string_view::npos && !looks_random(said);
  if (field || !is_assigned_secret(name, said)) return std::nullopt;
  return Finding{value.begin, value.end, Type::kSecret};
}

std::optional<Finding> find_authorization(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (is_blank(char_at(text, begin))) ++begin;
  if (begin == at) return std::nullopt;
  std::size_t end = begin;
  while (end < text.size() && end - begin < 4096 &&
         (is_word(text[end]) ||
          std::string_view("-._~+/=").find(text[end]) != std::string_view::npos)) {
    ++end;
  }
  const std::string_view value = text.substr(begin, end - begin);
  if (value.size() < 16 || is_stand_in(value) || !looks_random(value)) return std::nullopt;
  return Finding{begin, end, Type::kSecret};
}

std::optional<Finding> find_url_password(std::string_view text, std::size_t at) {
  constexpr std::string_view kEnds = " \t\r\n/\"'`<>\\,;()[]{}";
  constexpr std::size_t kLongestUser = 128;
  std::size_t colon = at + 3;
  while (colon < text.size() && colon - at < kLongestUser && text[colon] != ':' &&
         text[colon] != '@' && kEnds.find(text[colon]) == std::string_view::npos) {
    ++colon;
  }
  if (char_at(text, colon) != ':') return std::nullopt;
  std::size_t end = colon + 1;
  while (end < text.size() && end - colon < kLongestUser && text[end] != '@' &&
         kEnds.find(text[end]) == std::string_view::npos) {
    ++end;
  }
  const std::string_view password = text.substr(colon + 1, end - colon - 1);
  if (char_at(text, end) != '@' || is_stand_in(password) || password == "password") {
    return std::nullopt;
  }
  return Finding{colon + 1, end, Type::kSecret};
}

}  // namespace hone::privacy
