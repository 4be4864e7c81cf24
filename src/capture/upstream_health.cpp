#include "capture/upstream_health.h"

namespace hone::capture {

bool UpstreamHealth::usable(Time now) const {
  const auto until = rests_until_.load(std::memory_order_relaxed);
  return until == 0 || to_millis(now) >= until;
}

bool UpstreamHealth::claim(Time now) {
  auto until = rests_until_.load(std::memory_order_relaxed);
  if (until == 0) return true;
  if (to_millis(now) < until) return false;
  // Of those who come at the same moment one is let through; the others go elsewhere until it has
  // reported, or its time has passed.
  return rests_until_.compare_exchange_strong(until, to_millis(now + policy_.rest));
}

bool UpstreamHealth::succeeded() {
  if (failures_.load(std::memory_order_relaxed) == 0 &&
      rests_until_.load(std::memory_order_relaxed) == 0) {
    return false;
  }
  failures_ = 0;
  return rests_until_.exchange(0) != 0;
}

bool UpstreamHealth::failed(Time now) {
  const auto at = to_millis(now);
  auto failures = ++failures_;
  if (failures == 1 || at - first_failed_.load() > policy_.window.count()) {
    first_failed_ = at;
    failures_ = failures = 1;
  }
  // A probe has failed: the rest goes on.
  if (rests_until_.load() != 0) {
    rests_until_ = to_millis(now + policy_.rest);
    return false;
  }
  if (failures < policy_.failures) return false;
  return rests_until_.exchange(to_millis(now + policy_.rest)) == 0;
}

}  // namespace hone::capture
