// Who gets which arm: by a keyed hash of the person, so that it is random to everyone outside, the
// same in every process and after every restart, and needs no store on a request's path.
//
// Two hashes in [0, 1): one under the holdback's salt, which outlives releases, so that the
// held-back people stay the same; one under the release's salt, new each time, so that nobody is
// always first. A person is on the canary where the latter is under the share, so a growing share
// only moves people from baseline to canary; the reserve is the upper end. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace hone::release {

enum class Arm : std::uint8_t { kBaseline, kCanary, kHoldback };
[[nodiscard]] std::string_view name(Arm arm);  // "baseline", "canary", "holdback"

struct Split {
  std::string_view holdback_salt;
  std::string_view release_salt;
  double share = 0;     // of the people not held back, on the canary
  double holdback = 0;  // of all people
};

struct Assigned {
  Arm arm = Arm::kBaseline;
  double propensity = 1;  // of this arm, before any salt was drawn
};

[[nodiscard]] Assigned assign(const Split& split, std::string_view person);

// HMAC-SHA-256(salt, person), its first 53 bits as a fraction.
[[nodiscard]] double unit_hash(std::string_view salt, std::string_view person);

}  // namespace hone::release
