// What redaction looks for: the types, and a place in a text where one was found. Used inside this
// folder only, but for the names of types, which policies and placeholders use.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hone::privacy {

enum class Type {
  kEmail,
  kPhone,
  kCard,
  kIp,
  kIban,
  kSecret,
  kId,        // national ids
  kMac,       // of a network card
  kLocation,  // coordinates
  kUrl,       // of a person's own site
  kName,      // from the organisation's directory
  kCustom,    // the organisation's own patterns
};

constexpr std::array<Type, 12> kTypes = {
    Type::kEmail, Type::kPhone, Type::kCard,     Type::kIp,  Type::kIban, Type::kSecret,
    Type::kId,    Type::kMac,   Type::kLocation, Type::kUrl, Type::kName, Type::kCustom};

// "EMAIL", "PHONE", "CARD", "IP", "IBAN", "SECRET", "ID", "MAC", "LOCATION", "URL", "NAME",
// "CUSTOM".
[[nodiscard]] std::string_view name(Type type);
[[nodiscard]] std::optional<Type> find_type(std::string_view name);

struct Finding {
  std::size_t begin = 0;
  std::size_t end = 0;
  Type type = Type::kEmail;
  std::string_view rule = {};    // its name; empty: the name of the rule that was asked
  std::string_view reason = {};  // why it counts, in a few words
  std::string value = {};        // where the text says it in an encoding; empty: as it stands
};

// The value behind a finding, as the pseudonym is made of it: however a number or an address is
// spaced or capitalised, it is the same value.
[[nodiscard]] std::string normalised(Type type, std::string_view text);

// ASCII only, whatever the locale.
[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
[[nodiscard]] constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
[[nodiscard]] constexpr bool is_letter(char c) {
  return is_upper(c) || is_lower(c);
}
[[nodiscard]] constexpr bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
[[nodiscard]] constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
[[nodiscard]] constexpr bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// '\0' beyond either end, so that a boundary needs no special case.
[[nodiscard]] constexpr char char_at(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}
[[nodiscard]] constexpr char char_before(std::string_view text, std::size_t at) {
  return at > 0 && at <= text.size() ? text[at - 1] : '\0';
}

}  // namespace hone::privacy
