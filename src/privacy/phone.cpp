// Telephone numbers. International form (ITU-T E.123) and the national forms that cannot be
// mistaken for other numbers are enough by themselves; any other needs a word such as "phone"
// before it.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "privacy/context.h"
#include "privacy/number.h"

namespace hone::privacy {
namespace {

constexpr std::array<std::string_view, 25> kPhoneWords = {
    "phone",    "tel:",        "tel.",         "tel ",    "telefon", "t\xC3\xA9l", "mobile",
    "mobil:",   "handy",       "cell:",        "cell ",   "fax",     "desk:",      "whatsapp",
    "sms",      "hotline",     "dial",         "call me", "call us", "call at",    "call on",
    "reach me", "messages to", "answering at", "text me"};

struct Shape {
  std::string digits;
  std::vector<std::size_t> sizes;  // of the groups
  std::vector<std::string_view> separators;
};

Shape shape_of(std::string_view text, const Number& number, std::size_t count) {
  Shape shape{number.digits(text, count), {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    shape.sizes.push_back(number.groups[i].end - number.groups[i].begin);
    if (i > 0) shape.separators.push_back(number.groups[i].before);
  }
  return shape;
}

bool uniform(const std::vector<std::string_view>& separators, std::size_t from) {
  for (std::size_t i = from + 1; i < separators.size(); ++i) {
    if (separators[i] != separators[from]) return false;
  }
  return true;
}

// 2026-11-24, 24.11.2026, 11/24/26, with or without a time after it.
bool is_date(const Shape& shape) {
  if (shape.sizes.size() < 3) return false;
  const auto& sizes = shape.sizes;
  const std::string_view separator = shape.separators[0];
  if (separator != shape.separators[1] || separator == " ") return false;
  const bool year_first = sizes[0] == 4 && sizes[1] <= 2 && sizes[2] <= 2 &&
                          (shape.digits.starts_with("19") || shape.digits.starts_with("20"));
  return year_first || (sizes[0] <= 2 && sizes[1] <= 2 && sizes[2] == 4);
}

// 1000/200.
bool is_fraction(const Shape& shape) {
  return std::find(shape.separators.begin(), shape.separators.end(), "/") != shape.separators.end();
}

bool is_international(const Number& number, const Shape& shape) {
  const std::size_t size = shape.digits.size();
  if (number.plus) return size >= 8 && size <= 15 && shape.digits[0] != '0';
  return shape.digits.starts_with("00") && size >= 11 && size <= 17 && shape.digits[2] != '0' &&
         shape.sizes.size() >= 3 && shape.sizes[0] <= 5;
}

// (NXX) NXX-XXXX, with or without a 1 before it (North American Numbering Plan).
bool is_north_american(const Shape& shape) {
  std::vector<std::size_t> sizes = shape.sizes;
  std::string_view digits = shape.digits;
  if (sizes.size() == 4 && sizes[0] == 1 && digits[0] == '1') {
    sizes.erase(sizes.begin());
    digits.remove_prefix(1);
  }
  return sizes == std::vector<std::size_t>{3, 3, 4} && digits[0] >= '2' && digits[3] >= '2' &&
         uniform(shape.separators, shape.separators.size() - 1) && shape.separators.back() != "/";
}

// A trunk 0 and an area, then the rest: 0490 75 40 81, 03.93.92.16.85, (08) 8747 6301,
// 0961-7596216.
bool is_national(const Number& number, const Shape& shape) {
  const std::size_t size = shape.digits.size();
  if (shape.sizes.size() < 2 || !uniform(shape.separators, 1) || is_date(shape)) return false;
  if (std::any_of(shape.sizes.begin(), shape.sizes.end(), [](auto s) { return s < 2; })) {
    return false;
  }
  if (number.parenthesis)
    return shape.sizes[0] <= 4 && size >= 9 && size <= 11 && shape.sizes.size() > 2;
  return shape.digits[0] == '0' && shape.digits[1] != '0' && shape.sizes[0] <= 5 && size >= 9 &&
         size <= 11;
}

// " x123", " ext. 123": belongs to the number.
std::size_t skip_extension(std::string_view text, std::size_t end) {
  std::size_t at = end;
  if (char_at(text, at) == ' ') ++at;
  const std::string word = lower_case(text.substr(std::min(at, text.size()), 4));
  if (word.starts_with("ext")) {
    at += word == "ext." ? 4 : 3;
    if (char_at(text, at) == ' ') ++at;
  } else if (word.starts_with('x')) {
    ++at;
  } else {
    return end;
  }
  const std::size_t digits = at;
  while (is_digit(char_at(text, at)) && at - digits < 6) ++at;
  return at > digits ? at : end;
}

// A further group with the same separator would make it a list or a longer number.
bool ends_there(const Number& number, std::size_t count) {
  if (count == number.groups.size()) return true;
  return count >= 2 && number.groups[count].before != number.groups[count - 1].before;
}

bool begins_there(std::string_view text, const Number& number) {
  const char before = char_before(text, number.begin);
  if (is_word(before) || before == '+') return false;
  const char earlier = number.begin >= 2 ? text[number.begin - 2] : '\0';
  if (before == ':' && is_digit(earlier)) return false;  // 10:09:03.0123456
  if ((before == '-' || before == '.' || before == '/') && is_word(earlier)) return before == '/';
  // "3 541-714-1388" begins at 541, "01 02 03" does not begin at 02.
  return !(number.groups.size() > 1 && is_digit(earlier) &&
           number.groups[1].before == std::string_view(&before, 1));
}

}  // namespace

std::optional<Finding> find_phone(std::string_view text, const Number& number) {
  if (!begins_there(text, number)) return std::nullopt;
  const bool named = has_word_before(text, number.begin, kPhoneWords);
  for (std::size_t count = number.groups.size(); count > 0; --count) {
    const Shape shape = shape_of(text, number, count);
    if (shape.digits.size() < 7 || shape.digits.size() > 17 || !ends_there(number, count)) continue;
    const bool by_name =
        named && shape.digits.size() <= 15 && !is_date(shape) && !is_fraction(shape);
    if (!by_name && !is_international(number, shape) && !is_north_american(shape) &&
        !is_national(number, shape)) {
      continue;
    }
    const std::size_t end = skip_extension(text, number.end(count));
    if (is_word(char_at(text, end))) continue;
    return Finding{
        number.begin, end, Type::kPhone, "phone number",
        by_name ? "stands behind a word such as \"phone\"" : "written as phone numbers are"};
  }
  return std::nullopt;
}

}  // namespace hone::privacy
