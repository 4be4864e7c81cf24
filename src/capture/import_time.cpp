// Numbers and times as files write them.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "capture/import_map.h"

namespace hone::capture {
namespace {

// The decimal digits off the front of `text`: at least one, at most `most`.
std::optional<int> take_digits(std::string_view& text, std::size_t most) {
  int number = 0;
  std::size_t size = 0;
  while (size < most && size < text.size() && text[size] >= '0' && text[size] <= '9') {
    number = number * 10 + (text[size++] - '0');
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return number;
}

std::optional<int> take_month(std::string_view& text) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (text.size() < 3) return std::nullopt;
  std::string name;
  for (const char c : text.substr(0, 3)) name += static_cast<char>(c | 0x20);
  const auto at = kMonths.find(name);
  if (at == std::string_view::npos || at % 3 != 0) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<int>(at / 3) + 1;
}

struct Parts {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, millis = 0;
  bool afternoon = false, twelve = false;
};

// %Y %y %m %b %d %H %I %p %M %S %f (a fraction of a second); blanks and all else as they are.
bool take_field(char field, std::string_view& text, Parts& parts) {
  const auto take = [&](std::size_t most, int& to) {
    const auto number = take_digits(text, most);
    if (number) to = *number;
    return number.has_value();
  };
  switch (field) {
    case 'Y':
      return take(4, parts.year);
    case 'y': {
      const bool taken = take(2, parts.year);
      parts.year += parts.year < 70 ? 2000 : 1900;
      return taken;
    }
    case 'm':
      return take(2, parts.month);
    case 'b': {
      const auto month = take_month(text);
      parts.month = month.value_or(0);
      return month.has_value();
    }
    case 'd':
      return take(2, parts.day);
    case 'H':
      return take(2, parts.hour);
    case 'I':
      parts.twelve = true;
      return take(2, parts.hour) && parts.hour >= 1 && parts.hour <= 12;
    case 'M':
      return take(2, parts.minute);
    case 'S':
      return take(2, parts.second);
    case 'p': {
      if (text.size() < 2 || (text[1] | 0x20) != 'm') return false;
      const char half = static_cast<char>(text[0] | 0x20);
      parts.afternoon = half == 'p';
      text.remove_prefix(2);
      return half == 'a' || half == 'p';
    }
    case 'f': {
      int scale = 100;
      bool any = false;
      for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1)) {
        parts.millis += (text[0] - '0') * scale;
        scale /= 10;
        any = true;
      }
      return any;
    }
    default:
      return false;
  }
}

std::optional<Time> parse_pattern(std::string_view text, std::string_view pattern) {
  Parts parts;
  while (!pattern.empty()) {
    const char c = pattern.front();
    pattern.remove_prefix(1);
    if (c == '%' && !pattern.empty()) {
      if (!take_field(pattern.front(), text, parts)) return std::nullopt;
      pattern.remove_prefix(1);
    } else {
      if (text.empty() || text.front() != c) return std::nullopt;
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return std::nullopt;
  if (parts.twelve) parts.hour = parts.hour % 12 + (parts.afternoon ? 12 : 0);
  const std::chrono::year_month_day date{std::chrono::year(parts.year),
                                         std::chrono::month(static_cast<unsigned>(parts.month)),
                                         std::chrono::day(static_cast<unsigned>(parts.day))};
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(parts.hour) +
         std::chrono::minutes(parts.minute) + std::chrono::seconds(parts.second) +
         std::chrono::milliseconds(parts.millis);
}

bool names_its_zone(std::string_view iso) {
  const auto clock = iso.substr(std::min<std::size_t>(iso.size(), 10));
  return iso.ends_with('Z') || clock.find_first_of("+-") != std::string_view::npos;
}

}  // namespace

std::optional<double> parse_map_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<Time> parse_map_time(const MapValue& value, std::string_view text) {
  if (value.format == "iso" || value.format.find('%') != std::string::npos) {
    const bool iso = value.format == "iso";
    std::optional<Time> time;
    if (!iso) {
      time = parse_pattern(text, value.format);
    } else if (auto parsed = parse_time(text)) {
      time = *parsed;
    }
    if (time && !(iso && names_its_zone(text))) *time -= std::chrono::minutes(value.zone_minutes);
    return time;
  }
  const auto number = parse_map_number(text);
  if (!number || std::abs(*number) > 1e14) return std::nullopt;
  const double millis = value.format == "unix_ms" ? *number : *number * 1000;
  if (std::abs(millis) > 1e14) return std::nullopt;
  const Time begin = value.format == "seconds" ? parse_time(value.since).value_or(Time{}) : Time{};
  return begin + std::chrono::milliseconds(static_cast<std::int64_t>(millis));
}

}  // namespace hone::capture
