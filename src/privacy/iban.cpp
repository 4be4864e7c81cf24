// IBANs: the country's length (SWIFT IBAN registry) and the check digits (ISO 13616, ISO 7064 MOD
// 97-10).
#include <algorithm>

#include "privacy/address.h"

namespace hone::privacy {
namespace {

// Country and length, one after the other, sorted.
constexpr std::string_view kLengths =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24"
    "FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32"
    "LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24"
    "RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

std::size_t length_of(char first, char second) {
  for (std::size_t at = 0; at + 4 <= kLengths.size(); at += 4) {
    if (kLengths[at] == first && kLengths[at + 1] == second) {
      return static_cast<std::size_t>((kLengths[at + 2] - '0') * 10 + (kLengths[at + 3] - '0'));
    }
  }
  return 0;
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
  if (is_word(char_before(text, at))) return std::nullopt;
  const auto upper = [](char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; };
  const std::size_t length = length_of(upper(char_at(text, at)), upper(char_at(text, at + 1)));
  if (length == 0) return std::nullopt;
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
  return Finding{at, end, Type::kIban};
}

}  // namespace hone::privacy
