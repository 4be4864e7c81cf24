#include "base/clock.h"

#include <cctype>
#include <charconv>
#include <cstdio>

namespace hone {
namespace {

// Reads exactly `digits` decimal digits off the front of `text`.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  for (std::size_t i = 0; i < digits; ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// "" and "Z" are UTC; "+01:00" and "-0530" are minutes east.
bool take_zone(std::string_view& text, int& minutes_east) {
  minutes_east = 0;
  if (text.empty() || take(text, 'Z')) return true;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!take_number(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !take_number(text, 2, minutes)) return false;
  minutes_east = sign * (hours * 60 + minutes);
  return hours < 24 && minutes < 60;
}

bool take_fraction(std::string_view& text, int& millis) {
  millis = 0;
  if (!take(text, '.')) return true;
  int scale = 100;
  bool any = false;
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
    millis += (text.front() - '0') * scale;
    scale /= 10;
    any = true;
    text.remove_prefix(1);
  }
  return any;
}

}  // namespace

Time SystemClock::now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string to_text(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[40];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

Result<Time> parse_time(std::string_view text) {
  const auto bad = [whole = std::string(text.substr(0, 40))] {
    return fail(ErrorCode::kInvalid,
                "'" + whole + "' is not a time; write it as 2026-11-24T06:36:00Z");
  };
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0, east = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) ||
      !take(text, '-') || !take_number(text, 2, day)) {
    return bad();
  }
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return bad();
    if (!take_number(text, 2, hour) || !take(text, ':') || !take_number(text, 2, minute))
      return bad();
    if (take(text, ':') && (!take_number(text, 2, second) || !take_fraction(text, millis)))
      return bad();
    if (!take_zone(text, east) || !text.empty()) return bad();
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  return Time(std::chrono::sys_days(date) + std::chrono::hours(hour) +
              std::chrono::minutes(minute - east) + std::chrono::seconds(second) +
              std::chrono::milliseconds(millis));
}

}  // namespace hone
