#include "privacy/number.h"

#include <algorithm>

namespace hone::privacy {
namespace {

constexpr std::size_t kMaxDigits = 24;

constexpr bool is_separator(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '/';
}

// The end of what separates the group that ends at `at` from the next, or `at` where no group
// follows.
std::size_t skip_separator(std::string_view text, std::size_t at) {
  std::size_t next = at;
  if (char_at(text, next) == ')') ++next;
  if (is_separator(char_at(text, next))) ++next;
  if (char_at(text, next) == '(') ++next;
  return next > at && is_digit(char_at(text, next)) ? next : at;
}

}  // namespace

bool has_enough_digits(std::string_view text, std::size_t at) {
  constexpr std::size_t kShortest = 7;  // a local telephone number
  std::size_t digits = 0;
  for (std::size_t i = at; digits < kShortest; ++i) {
    const char c = char_at(text, i);
    if (is_digit(c)) {
      ++digits;
    } else if (!is_separator(c) && c != '(' && c != ')') {
      return false;
    } else if (!is_digit(char_before(text, i)) && is_separator(c) &&
               is_separator(char_before(text, i))) {
      return false;
    }
  }
  return true;
}

std::string Number::digits(std::string_view text, std::size_t count) const {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all += text.substr(groups[i].begin, groups[i].end - groups[i].begin);
  }
  return all;
}

Number read_number(std::string_view text, std::size_t at) {
  Number number;
  number.begin = at;
  if (char_before(text, number.begin) == '(') {
    number.parenthesis = true;
    --number.begin;
  }
  if (char_before(text, number.begin) == '+') {
    number.plus = true;
    --number.begin;
  }
  std::size_t digits = 0;
  std::string_view before;
  number.groups.reserve(6);
  while (digits <= kMaxDigits) {
    DigitGroup group{at, at, before};
    while (is_digit(char_at(text, group.end)) && digits <= kMaxDigits) {
      ++group.end;
      ++digits;
    }
    const std::size_t next = skip_separator(text, group.end);
    before = text.substr(group.end, next - group.end);
    at = next;
    const bool last = next == group.end;
    number.groups.push_back(group);
    if (last) break;
  }
  return number;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const char before = char_before(text, begin);
  const char after = char_at(text, end);
  if (is_word(before) || is_word(after)) return false;
  // "-" joins words and ranges, "." decimals; a bullet or a dash with blanks around joins nothing.
  if ((before == '-' || before == '.') && is_word(char_before(text, begin - 1))) return false;
  return !((after == '.' || after == '-' || after == ',') && is_digit(char_at(text, end + 1)));
}

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, twice = !twice) {
    int digit = *it - '0';
    if (twice) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return !digits.empty() && sum % 10 == 0;
}

}  // namespace hone::privacy
