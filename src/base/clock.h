// Time comes from outside. Everything that decides by time takes a `Clock&`, so that a test sets it
// and a failure replays. Wall times are UTC milliseconds (`Time`); text is ISO 8601,
// "2026-11-24T06:36:00.000Z".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() = 0;  // thread-safe
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() override;
};

// For tests: stands still until told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_(start) {}
  [[nodiscard]] Time now() override { return now_; }
  void advance(std::chrono::milliseconds by) { now_ += by; }
  void set(Time time) { now_ = time; }

 private:
  Time now_;
};

[[nodiscard]] std::string to_text(Time time);
// Accepts "2026-11-24", "2026-11-24T06:36:00[.123][Z|+01:00]" (a blank for T too; no zone means
// UTC).
[[nodiscard]] Result<Time> parse_time(std::string_view text);

[[nodiscard]] inline std::int64_t to_millis(Time time) {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline Time from_millis(std::int64_t ms) {
  return Time(std::chrono::milliseconds(ms));
}

}  // namespace hone
