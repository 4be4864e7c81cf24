#include "release/assignment.h"

#include <cmath>

#include "base/hash.h"

namespace hone::release {

std::string_view name(Arm arm) {
  switch (arm) {
    case Arm::kBaseline:
      return "baseline";
    case Arm::kCanary:
      return "canary";
    case Arm::kHoldback:
      return "holdback";
  }
  return "baseline";
}

double unit_hash(std::string_view salt, std::string_view person) {
  const Digest digest = hmac_sha256(salt, person);
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | digest[static_cast<std::size_t>(i)];
  return std::ldexp(static_cast<double>(bits >> 11), -53);
}

Assigned assign(const Split& split, std::string_view person) {
  if (unit_hash(split.holdback_salt, person) < split.holdback) {
    return {Arm::kHoldback, split.holdback};
  }
  const double others = 1 - split.holdback;
  if (unit_hash(split.release_salt, person) < split.share) {
    return {Arm::kCanary, others * split.share};
  }
  return {Arm::kBaseline, others * (1 - split.share)};
}

}  // namespace hone::release
