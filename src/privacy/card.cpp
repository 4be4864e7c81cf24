// Payment cards: the issuer's range and length, the Luhn digit, and groups as cards are printed.
#include <algorithm>
#include <array>

#include "privacy/context.h"
#include "privacy/number.h"

namespace hone::privacy {
namespace {

struct IssuerRange {
  int first;  // of the leading four digits
  int last;
  std::size_t min_digits;
  std::size_t max_digits;
};

// ISO/IEC 7812 ranges of the networks in use.
constexpr std::array<IssuerRange, 16> kIssuers = {{
    {4000, 4999, 13, 19},  // Visa
    {5100, 5599, 16, 16},  // Mastercard
    {2221, 2720, 16, 16},  // Mastercard
    {3400, 3499, 15, 15},  // American Express
    {3700, 3799, 15, 15},
    {3000, 3059, 14, 16},  // Diners Club
    {3600, 3699, 14, 19},
    {3800, 3999, 14, 19},
    {3528, 3589, 16, 19},  // JCB
    {2131, 2131, 15, 15},
    {1800, 1800, 15, 15},
    {6011, 6011, 16, 19},  // Discover
    {6440, 6599, 16, 19},
    {6200, 6299, 16, 19},  // UnionPay
    // From here on only with a word beside it: elsewhere such a number is more likely an id.
    {3500, 3599, 16, 16},
    {5000, 6999, 12, 19},  // Maestro and what else begins with 5 or 6
}};
constexpr std::size_t kCertainIssuers = 14;

constexpr std::array<std::string_view, 8> kCardWords = {"card", "credit",  "debit",  "visa",
                                                        "amex", "maestro", "kredit", "cc "};

bool has_issuer(std::string_view digits, bool named) {
  const int lead = (digits[0] - '0') * 1000 + (digits[1] - '0') * 100 + (digits[2] - '0') * 10 +
                   (digits[3] - '0');
  const std::size_t count = named ? kIssuers.size() : kCertainIssuers;
  return std::any_of(kIssuers.begin(), kIssuers.begin() + static_cast<std::ptrdiff_t>(count),
                     [&](const IssuerRange& range) {
                       return lead >= range.first && lead <= range.last &&
                              digits.size() >= range.min_digits &&
                              digits.size() <= range.max_digits;
                     });
}

// One run, fours (4 4 4 4, 4 4 4 4 3), or as American Express and Diners print them (4 6 5, 4 6 4).
bool grouped_as_printed(const Number& number, std::size_t count) {
  if (count == 1) return true;
  if (count < 3 || count > 5) return false;
  const std::string_view separator = number.groups[1].before;
  if (separator != " " && separator != "-") return false;
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0 && number.groups[i].before != separator) return false;
    sizes.push_back(number.groups[i].end - number.groups[i].begin);
  }
  const std::size_t last = sizes.back();
  sizes.pop_back();
  if (sizes == std::vector<std::size_t>{4, 6}) return last == 5 || last == 4;
  return last <= 4 && std::all_of(sizes.begin(), sizes.end(), [](auto size) { return size == 4; });
}

}  // namespace

std::optional<Finding> find_card(std::string_view text, const Number& number) {
  if (number.plus || number.parenthesis) return std::nullopt;
  for (std::size_t count = number.groups.size(); count > 0; --count) {
    const std::string digits = number.digits(text, count);
    if (digits.size() < 12 || digits.size() > 19) continue;
    if (!grouped_as_printed(number, count) || !passes_luhn(digits)) continue;
    const std::size_t end = number.end(count);
    // A date or a code may follow, but no further group that would make it another number.
    if (count == 1 ? !stands_alone(text, number.begin, end) : is_word(char_at(text, end))) continue;
    const bool named = has_word_before(text, number.begin, kCardWords);
    if (has_issuer(digits, named) && !is_word(char_before(text, number.begin))) {
      return Finding{number.begin, end, Type::kCard, "payment card",
                     "an issuer's range, and passes Luhn"};
    }
  }
  return std::nullopt;
}

}  // namespace hone::privacy
