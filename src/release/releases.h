// A release: one alias, a baseline, a candidate, and people between them by evidence. It starts
// only with a passed evaluation of exactly these two models, and is then looked at as often as one
// likes:
//
//   auto release = start_release(db, ids, {"assistant", digest, recipe.release}, now);
//   look(db, release->id, now);              // after verdicts: grows, promotes or rolls back
//   end_release(db, release->id, "…", now);  // the reserve joins the others
//
// States: "canary" (being tested), "promoted" (the alias serves the candidate; the reserve is still
// on the baseline, and harm still rolls back), "rolled_back", "ended". Every step is a row of
// release_event with the numbers seen (docs/formats/release.md). Blocking; from a worker thread;
// any number of processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/result.h"
#include "curate/recipe.h"
#include "evaluate/statistics.h"
#include "release/sequential.h"

namespace hone::store {
class Database;
}

namespace hone::release {

struct Release {
  std::string id;
  std::string alias;
  std::string baseline;  // model digests
  std::string candidate;
  std::string state;
  double share = 0;
  double holdback = 0;
  double reserve = 0;
  std::string salt;
  std::string evaluation_id;
  curate::ReleaseRecipe recipe;
  std::string reason;  // of the last change of state
  Time started_at{};
  std::optional<Time> decided_at;

  [[nodiscard]] bool running() const { return state == "canary" || state == "promoted"; }
  // Candidate and baseline are one model: a check of Hone itself, never promoted.
  [[nodiscard]] bool is_aa() const { return baseline == candidate; }
};

struct StartRelease {
  std::string alias;
  std::string candidate;  // digest; the baseline is what the alias serves
  curate::ReleaseRecipe recipe = {};
  std::string salt = {};  // for tests; drawn where empty
};

// What people on one arm did with what they got.
struct ArmCounts {
  std::string arm;
  std::int64_t interactions = 0;
  std::int64_t accepted = 0;
  std::int64_t modified = 0;
  std::int64_t rejected = 0;
  std::int64_t contested = 0;
  evaluate::Interval rate;  // accepted of accepted, modified and rejected
};

struct ReleaseEvent {
  std::int64_t number = 0;
  std::string kind;  // started, period, look, grown, promoted, rolled_back, ended, false_alarm
  Time at{};
  json::object detail;
};

struct Guardrail {
  std::string name;  // "errors", "latency"
  bool breached = false;
  double baseline = 0;  // mean
  double canary = 0;
  TestState test;  // of the excess over what is allowed
};

struct ReleaseStatus {
  Release release;
  std::vector<ArmCounts> arms;
  TestState test;
  std::vector<Guardrail> guardrails;
  std::vector<ReleaseEvent> events;
};

struct Look {
  std::string state;     // after it
  std::string happened;  // "", or the kind of the event it made
  std::string reason;
  double share = 0;
  TestState test;
};

// kDenied without a passed evaluation; kConflict while another release of the alias is being
// tested. One that was promoted and not ended is ended by this.
[[nodiscard]] Result<Release> start_release(store::Database& database, IdSource& ids,
                                            const StartRelease& request, Time now);
[[nodiscard]] Result<Look> look(store::Database& database, std::string_view release_id, Time now);

// By hand. A rollback also undoes what was promoted or ended, while the alias serves the candidate.
[[nodiscard]] Result<void> promote(store::Database& database, std::string_view release_id,
                                   std::string_view reason, Time now);
[[nodiscard]] Result<void> roll_back(store::Database& database, std::string_view release_id,
                                     std::string_view reason, Time now);
[[nodiscard]] Result<void> end_release(store::Database& database, std::string_view release_id,
                                       std::string_view reason, Time now);
// From now on another period: the test compares only within periods, so that what changed for
// everyone (a new working day, other work) is not taken for an effect. Midnights UTC are periods
// anyway.
[[nodiscard]] Result<void> start_period(store::Database& database, std::string_view release_id,
                                        std::string_view label, Time now);

[[nodiscard]] Result<Release> find_release(store::Database& database, std::string_view release_id);
[[nodiscard]] Result<std::vector<Release>> list_releases(
    store::Database& database);  // newest first
[[nodiscard]] Result<std::optional<Release>> running_release(store::Database& database,
                                                             std::string_view alias);
[[nodiscard]] Result<ReleaseStatus> release_status(store::Database& database,
                                                   std::string_view release_id);
// Per arm, of interactions that started from `since` and before `until`.
[[nodiscard]] Result<std::vector<ArmCounts>> count_arms(store::Database& database,
                                                        std::string_view release_id,
                                                        std::optional<Time> since = {},
                                                        std::optional<Time> until = {});

[[nodiscard]] json::object to_json(const Release& release);
[[nodiscard]] json::object to_json(const ArmCounts& counts);
[[nodiscard]] json::object to_json(const TestState& state);
[[nodiscard]] json::object to_json(const ReleaseStatus& status);

}  // namespace hone::release
