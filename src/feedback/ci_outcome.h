// What tests and CI say about a commit, and so about the answers whose edits are in it.
//
// An outcome is feedback of the kind `outcome` with a handle of the kind "commit": it names no
// interaction, for a commit has many. `spread_outcomes` makes one of it for each interaction whose
// edits the commit brought in (table git_commit, feedback/git_observer.h). What comes before
// anybody has observed the commit waits, as all feedback does whose handle is not known yet.
//
//   auto event = read_github_event("check_run", body);
//   if (event->outcome) append(outcome_feedback(*event->outcome, "ci:github", now));
//   spread_outcomes(database, now, [&](auto records) { … });
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "store/outbox.h"
#include "store/records.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

struct CiOutcome {
  std::string commit;  // full id, in hex
  bool passed = false;
  std::string name;  // of the job or the pipeline; as sent, so redact it
  std::string run;   // tells the job's runs apart: ids, attempts and times; empty where not known
  std::optional<Time> at;
};

// One of the two, or, of an event that we do not know, neither.
struct CiEvent {
  std::optional<CiOutcome> outcome;
  std::string says_nothing;  // why a known event is no outcome: "not completed", "cancelled", …
};

// `event`: header X-GitHub-Event. Known: check_run, check_suite, workflow_run, status, ping.
[[nodiscard]] Result<CiEvent> read_github_event(std::string_view event, const json::object& body);
// `event`: header X-Gitlab-Event. Known: "Pipeline Hook", "Job Hook".
[[nodiscard]] Result<CiEvent> read_gitlab_event(std::string_view event, const json::object& body);

// 40 or 64 hex digits.
[[nodiscard]] bool is_commit_id(std::string_view text);

// One fact for a commit, a name, a run and a result: the same event twice is stored once, a second
// run is another fact.
[[nodiscard]] store::Feedback outcome_feedback(const CiOutcome& outcome, std::string_view source,
                                               Time now);

// Appends what is missing, at most `most`; returns how many. Looks at commits of which something is
// new (table outcome_due, which the store and git_edits fill), and at no others. Where the records
// of the last time are not in the database yet, the same may come again, under the same ids.
[[nodiscard]] Result<std::int64_t> spread_outcomes(
    store::Database& database, Time now,
    const std::function<Result<void>(std::vector<store::OutboxRecord>)>& sink,
    std::int64_t most = 1'000);

}  // namespace hone::feedback
