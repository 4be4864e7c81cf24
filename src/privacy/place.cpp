// Places as pairs of decimal degrees (ISO 6709 and what maps write). Pairs of decimals are common
// in code, so a word such as "lat" or "gps" must stand before them.
#include <array>
#include <charconv>

#include "privacy/context.h"
#include "privacy/number.h"

namespace hone::privacy {
namespace {

constexpr std::array<std::string_view, 11> kPlaceWords = {
    "lat",      "lon",      "lng",  "coord",       "gps", "geo:",
    "location", "position", "maps", "whereabouts", "ll="};
constexpr std::size_t kDecimals = 4;  // eleven metres; fewer name a town

struct Degrees {
  double value = 0;
  std::size_t end = 0;
};

// "-33.8688": `at` is of the sign or the first digit.
std::optional<Degrees> read_degrees(std::string_view text, std::size_t at, double limit) {
  std::size_t end = at;
  if (char_at(text, end) == '-' || char_at(text, end) == '+') ++end;
  const std::size_t whole = end;
  while (is_digit(char_at(text, end))) ++end;
  if (end == whole || end - whole > 3 || char_at(text, end) != '.') return std::nullopt;
  const std::size_t decimals = ++end;
  while (is_digit(char_at(text, end))) ++end;
  if (end - decimals < kDecimals || end - decimals > 15) return std::nullopt;
  Degrees degrees{0, end};
  const std::size_t first = text[at] == '+' ? at + 1 : at;
  std::from_chars(text.data() + first, text.data() + end, degrees.value);
  if (degrees.value > limit || degrees.value < -limit) return std::nullopt;
  return degrees;
}

}  // namespace

std::optional<Finding> find_coordinates(std::string_view text, std::size_t at) {
  const char sign = char_before(text, at);
  const std::size_t begin = sign == '-' || sign == '+' ? at - 1 : at;
  const auto latitude = read_degrees(text, begin, 90);
  if (!latitude) return std::nullopt;
  // Over what stands between: ", ", "&lon=", "\", \"lng\": ", "° N, ".
  constexpr std::size_t kBetween = 20;
  std::size_t next = latitude->end;
  while (next < text.size() && next - latitude->end < kBetween && !is_digit(text[next]) &&
         text[next] != '\n') {
    ++next;
  }
  if (next == latitude->end) return std::nullopt;
  if (char_before(text, next) == '-' || char_before(text, next) == '+') --next;
  const auto longitude = read_degrees(text, next, 180);
  if (!longitude || !has_word_before(text, begin, kPlaceWords)) return std::nullopt;
  return Finding{begin, longitude->end, Type::kLocation, "coordinates",
                 "two decimal degrees behind a word such as \"lat\""};
}

}  // namespace hone::privacy
