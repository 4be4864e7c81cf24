// Verdicts in the store. Whoever links feedback to an interaction notes its id in table
// `verdict_due`; `refresh` decides those again, so that it costs what is new and may run every
// second. `replay` decides everything again: after a change of policy, and to take account of
// people's habits, which it estimates from all feedback. Several processes may refresh at once: a
// signal that comes while its verdict is made is due again. Blocking; from a worker thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "feedback/habits.h"
#include "feedback/policy.h"
#include "feedback/verdict.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

// Returns how many interactions were decided (those whose feedback says nothing have no verdict).
[[nodiscard]] Result<std::int64_t> refresh(store::Database& database, const Policy& policy);

struct ReplayOptions {
  bool apply = false;        // write what changed; else nothing is written at all
  std::size_t examples = 3;  // of each kind of change
};

struct Replayed {
  struct Example {
    std::string interaction;
    std::string source;
    std::string before, after;  // "none" where there is no verdict
    double strength_before = 0, strength_after = 0;
  };
  struct OfSource {
    std::int64_t interactions = 0;
    std::int64_t changed = 0;  // another verdict
  };

  std::int64_t interactions = 0;  // that have feedback or a verdict
  std::int64_t signals = 0;
  std::int64_t changed = 0;       // another verdict
  std::int64_t strengthened = 0;  // the same, by more than 0.01 of strength
  std::int64_t weakened = 0;
  std::int64_t written = 0;
  std::map<std::pair<std::string, std::string>, std::int64_t> verdicts;  // before and after
  std::map<std::string, OfSource> sources;  // of what weighs most; those beyond 100 as "others"
  std::vector<Example> examples;            // the first of each kind of change, by id
  std::vector<PersonHabit> people;          // those with enough opinions
};

// All feedback, read twice in the order of interactions (once where the policy minds no habits).
// Again with the same policy and feedback it changes and writes nothing. Beside a server that runs
// under another policy it holds until that one decides an interaction again.
[[nodiscard]] Result<Replayed> replay(store::Database& database, const Policy& policy,
                                      const ReplayOptions& options = {});

// The arithmetic of one verdict.
struct Explanation {
  std::string interaction;
  std::string policy;  // its version
  std::string digest;
  double contested = 0;
  Weighing weighing;
  std::optional<Verdict> verdict;
};

// kNotFound for an interaction that is not there.
[[nodiscard]] Result<Explanation> explain(store::Database& database, const Policy& policy,
                                          std::string_view interaction_id);

using hone::to_text;  // of times: not hidden by the one below
[[nodiscard]] std::string to_text(const Explanation& explanation);
[[nodiscard]] json::object to_json(const Explanation& explanation);

}  // namespace hone::feedback
