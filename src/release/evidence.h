// What people on both arms of a release did, read from the store and put in the form that the
// sequential test takes. Each look reads all of it again: verdicts change when feedback comes late.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "release/releases.h"
#include "release/sequential.h"

namespace hone::store {
class Database;
}

namespace hone::release {

struct Evidence {
  std::vector<PersonPeriod> acceptance;  // 1 accepted; 0 modified or rejected; contested left out
  std::vector<PersonPeriod> errors;      // 1 where the call failed
  std::vector<PersonPeriod> latency;     // natural logarithm of milliseconds, of calls that did not
  std::int64_t canary_people_now = 0;    // with a verdict since the share is what it is
};

// A person's first so many outcomes of a period count, so that nobody decides alone.
inline constexpr double kMostPerPersonPeriod = 25;

[[nodiscard]] Result<Evidence> read_evidence(store::Database& database,
                                             std::string_view release_id);

// The test of acceptance under the release's own rules.
[[nodiscard]] TestState test_acceptance(const Release& release, const Evidence& evidence);

// Breached where the canary is worse by more than what is allowed, at a chance of 1% each of ever
// saying so wrongly: 5 points more errors, 3 times the time.
inline constexpr double kAllowedErrors = 0.05;
inline constexpr double kAllowedSlowdown = 3;
inline constexpr double kGuardrailAlpha = 0.01;
[[nodiscard]] std::vector<Guardrail> test_guardrails(const Release& release,
                                                     const Evidence& evidence);

}  // namespace hone::release
