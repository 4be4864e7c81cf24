// IBANs: the country's length (SWIFT IBAN registry) and the check digits (ISO 13616, ISO 7064 MOD
// 97-10).
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"
#include "privacy/address.h"
#include "privacy/boundary.h"

namespace hone::privacy {
namespace {

// Country and length, one after the other, sorted.
constexpr std::string_view kLengths =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24"
    "FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32"
    "LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24"
    "RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

constexpr std::size_t kAlphabet = 26;

constexpr std::array<std::uint8_t, kAlphabet * kAlphabet> make_table() {
  std::array<std::uint8_t, kAlphabet * kAlphabet> table{};
  for (std::size_t at = 0; at + 4 <= kLengths.size(); at += 4) {
    const auto country =
        static_cast<std::size_t>((kLengths[at] - 'A') * 26 + kLengths[at + 1] - 'A');
    table.at(country) =
        static_cast<std::uint8_t>((kLengths[at + 2] - '0') * 10 + (kLengths[at + 3] - '0'));
  }
  return table;
}
constexpr auto kTable = make_table();

// Of two capital letters; 0 for what is no country.
std::size_t length_of(char first, char second) {
  return kTable.at(static_cast<std::size_t>((first - 'A') * 26 + second - 'A'));
}

int remainder_97(std::string_view compact) {
  std::string rotated(compact.substr(4));
  rotated += compact.substr(0, 4);
  int remainder = 0;
  for (const char c : rotated) {
    remainder = is_digit(c) ? remainder * 10 + (c - '0') : remainder * 100 + (c - 'a' + 10);
    remainder %= 97;
  }
  return remainder;
}

}  // namespace

std::optional<Finding> find_iban(std::string_view text, std::size_t at) {
  if (!begins_word(text, at)) return std::nullopt;
  const auto upper = [](char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; };
  if (!is_letter(char_at(text, at)) || !is_letter(char_at(text, at + 1))) return std::nullopt;
  const std::size_t length = length_of(upper(text[at]), upper(text[at + 1]));
  if (length == 0 || !is_digit(char_at(text, at + 3))) return std::nullopt;
  std::string compact;
  std::size_t end = at;
  while (compact.size() < length) {
    const char c = char_at(text, end);
    if (is_letter(c) || is_digit(c)) {
      compact += to_lower(c);
    } else if (c != ' ' || compact.size() % 4 != 0 || char_before(text, end) == ' ') {
      return std::nullopt;
    }
    ++end;
  }
  if (is_word(char_at(text, end)) || remainder_97(compact) != 1) return std::nullopt;
  return Finding{at, end, Type::kIban, "IBAN", "country's length, and passes mod 97"};
}

}  // namespace hone::privacy
