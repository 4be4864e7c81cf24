// How an upstream has been doing, seen from the calls that went to it: nobody is asked whether it
// is well. After some failures in a row within a short time it rests; then one call at a time finds
// out whether it is back. Whoever has no other upstream asks it all the same.
//
//   if (health.usable(now) && health.claim(now)) …ask…
//   health.succeeded();  or  health.failed(now);
//
// Lock-free, and in good times nothing is written but the counters of calls. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace hone::capture {

struct HealthPolicy {
  std::uint32_t failures = 5;                // in a row, …
  std::chrono::milliseconds window{30'000};  // … the first of them no longer ago than this: it …
  std::chrono::milliseconds rest{15'000};    // … rests so long, and between one probe and the next
};

// For /metrics.
struct UpstreamCounters {
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> unreachable = 0;
  std::atomic<std::uint64_t> timeouts = 0;
  std::atomic<std::uint64_t> cut = 0;
  std::atomic<std::uint64_t> errors = 0;       // answers of 5xx
  std::atomic<std::uint64_t> passed_over = 0;  // calls that went elsewhere while it rested
  std::atomic<std::uint64_t> stood_in = 0;     // calls that another one was meant to answer
};

class UpstreamHealth {
 public:
  explicit UpstreamHealth(HealthPolicy policy = {}) : policy_(policy) {}

  // False while it rests.
  [[nodiscard]] bool usable(Time now) const;
  // Before a call goes out: true where it is well, or where this call is the one that finds out.
  [[nodiscard]] bool claim(Time now);
  // True where this has changed how it stands: it is back.
  bool succeeded();
  // True where this has changed how it stands: it rests now.
  bool failed(Time now);
  [[nodiscard]] bool resting() const { return rests_until_.load() != 0; }

  UpstreamCounters counters;

 private:
  const HealthPolicy policy_;
  std::atomic<std::uint32_t> failures_ = 0;     // in a row
  std::atomic<std::int64_t> first_failed_ = 0;  // of them, in milliseconds
  std::atomic<std::int64_t> rests_until_ = 0;   // 0: it is well
};

}  // namespace hone::capture
