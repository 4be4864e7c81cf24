#include "privacy/placeholder.h"

#include <array>

#include "base/hash.h"
#include "base/random.h"
#include "privacy/finding.h"

namespace hone::privacy {
namespace {

constexpr std::size_t kMinHex = 4;
constexpr std::size_t kMaxHex = 16;

constexpr std::array<std::string_view, 12> kNames = {"alex",   "kim",   "robin", "sam",
                                                     "jordan", "maria", "chen",  "noor",
                                                     "ivan",   "lea",   "tomas", "aiko"};

std::string digits(Random& random, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random.below(10));
  return text;
}

// A number of the range 4000 00.. that no bank issues, with its Luhn digit.
std::string card(Random& random) {
  const std::string body = "400000" + digits(random, 9);
  int sum = 0;
  for (std::size_t i = 0; i < body.size(); ++i) {
    int digit = body[body.size() - 1 - i] - '0';
    if (i % 2 == 0) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return body + static_cast<char>('0' + (10 - sum % 10) % 10);
}

// A German IBAN of a bank code that is not given out, with its check digits (ISO 7064 MOD 97-10).
std::string iban(Random& random) {
  const std::string account = "00000000" + digits(random, 10);
  int remainder = 0;
  for (const char c : account + "131400") remainder = (remainder * 10 + (c - '0')) % 97;  // DE00
  const int check = 98 - remainder;
  return "DE" + std::string(check < 10 ? "0" : "") + std::to_string(check) + account;
}

std::string secret(Random& random) {
  constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  std::string text = "example-secret-";
  for (int i = 0; i < 12; ++i) text += kAlphabet[random.below(kAlphabet.size())];
  return text;
}

// Of the range for documentation (RFC 7042, section 2.1.2).
std::string mac(Random& random) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "00:00:5e:00:53:";
  text += kHex[random.below(16)];
  text += kHex[random.below(16)];
  return text;
}

std::string person(Random& random) {
  constexpr std::array<std::string_view, 8> kFamilies = {"Rivera", "Novak",  "Okafor", "Lindqvist",
                                                         "Tanaka", "Haddad", "Moreau", "Silva"};
  std::string first(kNames[random.below(kNames.size())]);
  first[0] = static_cast<char>(first[0] - 'a' + 'A');
  return first + " " + std::string(kFamilies[random.below(kFamilies.size())]);
}

}  // namespace

std::vector<Placeholder> find_placeholders(std::string_view text) {
  std::vector<Placeholder> found;
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    std::size_t colon = at + 1;
    while (is_upper(char_at(text, colon))) ++colon;
    const std::string_view type = text.substr(at + 1, colon - at - 1);
    if (char_at(text, colon) != ':' || !find_type(type)) continue;
    std::size_t end = colon + 1;
    while (is_digit(char_at(text, end)) ||
           (char_at(text, end) >= 'a' && char_at(text, end) <= 'f')) {
      ++end;
    }
    const std::string_view hex = text.substr(colon + 1, end - colon - 1);
    if (char_at(text, end) != '>' || hex.size() < kMinHex || hex.size() > kMaxHex) continue;
    found.push_back({at, end + 1 - at, type, hex});
  }
  return found;
}

std::string surrogate(std::string_view type_name, std::uint64_t seed) {
  Random random(seed);
  const auto type = find_type(type_name);
  if (!type) return {};
  switch (*type) {
    case Type::kEmail:
      return std::string(kNames[random.below(kNames.size())]) + "." + digits(random, 3) +
             (random.chance(0.5) ? "@example.com" : "@example.org");
    case Type::kPhone:
      return "+1 " + std::to_string(201 + random.below(700)) + " 555 01" + digits(random, 2);
    case Type::kCard:
      return card(random);
    case Type::kIp: {
      constexpr std::array<std::string_view, 3> kNetworks = {"192.0.2.", "198.51.100.",
                                                             "203.0.113."};
      return std::string(kNetworks[random.below(3)]) + std::to_string(1 + random.below(254));
    }
    case Type::kIban:
      return iban(random);
    case Type::kSecret:
      return secret(random);
    case Type::kId:
      return "900-" + digits(random, 2) + "-" + digits(random, 4);  // no such number is given out
    case Type::kMac:
      return mac(random);
    case Type::kLocation:
      // In the South Pacific, far from anybody.
      return "-48." + digits(random, 4) + ", -123." + digits(random, 4);
    case Type::kUrl:
      return "https://" + std::string(kNames[random.below(kNames.size())]) + digits(random, 3) +
             ".example.com/";
    case Type::kName:
      return person(random);
    case Type::kCustom:
      return "example-" + digits(random, 6);
  }
  return {};
}

std::string fill_placeholders(std::string_view text, std::uint64_t seed) {
  std::string filled;
  std::size_t at = 0;
  for (const Placeholder& placeholder : find_placeholders(text)) {
    filled += text.substr(at, placeholder.begin - at);
    // One stream per value, so that an order of values or another text does not change it.
    const Digest digest = sha256(std::to_string(seed) + ":" + std::string(placeholder.type) + ":" +
                                 std::string(placeholder.hex));
    std::uint64_t value_seed = 0;
    for (std::size_t i = 0; i < 8; ++i) value_seed = (value_seed << 8) | digest[i];
    filled += surrogate(placeholder.type, value_seed);
    at = placeholder.begin + placeholder.size;
  }
  filled += text.substr(at);
  return filled;
}

}  // namespace hone::privacy
