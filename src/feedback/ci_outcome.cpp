#include "feedback/ci_outcome.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>
#include <utility>

#include "base/id.h"
#include "base/text.h"
#include "feedback/cases.h"
#include "feedback/tool_fact.h"
#include "store/database.h"
#include "store/feedback_record.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kLongestName = 200;

struct CiWord {
  std::string_view word;
  bool passed;
};
constexpr std::array<CiWord, 5> kCiResults = {{{"success", true},
                                               {"failure", false},
                                               {"failed", false},
                                               {"timed_out", false},
                                               {"passed", true}}};

// Cancelled, skipped, neutral, an error of the CI itself: nothing about the code.
CiEvent ci_event(std::string_view result, CiOutcome outcome) {
  CiEvent event;
  const auto found = std::ranges::find(kCiResults, result, &CiWord::word);
  if (found == kCiResults.end()) {
    event.says_nothing = std::string(result.empty() ? "no result" : result.substr(0, 64));
    return event;
  }
  outcome.passed = found->passed;
  event.outcome = std::move(outcome);
  return event;
}

Result<json::object> object_at(const json::object& body, std::string_view name) {
  return field<json::object>(body, name);
}

Result<std::string> commit_at(const json::object& object, std::string_view name) {
  auto id = field<std::string>(object, name);
  if (!id) return id;
  *id = lower_case(*id);
  if (!is_commit_id(*id)) {
    return fail(ErrorCode::kInvalid,
                "field '" + std::string(name) + "' is no commit: 40 or 64 hex digits are");
  }
  return id;
}

// Without control characters, which no database keeps, and not cut inside a character.
std::string name_at(const json::object& object, std::string_view name, std::string_view otherwise) {
  const auto text = string_or_empty(object, name);
  std::string result((text.empty() ? otherwise : text).substr(0, kLongestName));
  if (text.size() > kLongestName) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0U) == 0x80U) {
      result.pop_back();
    }
    if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0xC0U) result.pop_back();
  }
  std::ranges::replace_if(
      result, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; }, ' ');
  return result;
}

// Times are written in several ways; one that cannot be read is as good as none. GitLab sets what
// zone it is apart: "2026-01-01 10:00:00 UTC", "2026-01-01 10:00:00 +0200".
std::optional<Time> time_at(const json::object& object, std::string_view name) {
  std::string text(string_or_empty(object, name).substr(0, 64));
  if (text.empty()) return std::nullopt;
  if (text.ends_with(" UTC")) text.replace(text.size() - 4, 4, "Z");
  const auto zone = text.rfind(' ');
  if (zone != std::string::npos && zone + 1 < text.size() &&
      (text[zone + 1] == '+' || text[zone + 1] == '-')) {
    text.erase(zone, 1);
  }
  const auto time = parse_time(text);
  if (!time) return std::nullopt;
  return *time;
}

// What of an event tells one run of a job from the next, and is the same when it is delivered
// again.
std::string ci_run_at(const json::object& object, std::initializer_list<std::string_view> names) {
  std::string run;
  for (const std::string_view name : names) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || value->is_structured() || value->is_null()) continue;
    run += std::string(name) + "=" + json::serialize(*value) + ";";
  }
  return run;
}

// check_run, check_suite and workflow_run have a state, and a conclusion where that is "completed".
Result<CiEvent> read_github_run(std::string_view event, const json::object& body) {
  const auto run = object_at(body, event);
  if (!run) return fail(run.error());
  const auto state = string_or_empty(*run, "status");
  if (state != "completed") {
    CiEvent waiting;
    waiting.says_nothing = "not completed";
    return waiting;
  }
  auto commit = commit_at(*run, "head_sha");
  if (!commit) return fail(commit.error().with(event));
  std::string name = name_at(*run, "name", event);
  if (event == "check_suite") {
    const json::value* app = run->if_contains("app");
    if (app != nullptr && app->is_object()) name = name_at(app->get_object(), "slug", event);
  }
  const std::string_view when = event == "check_run" ? "completed_at" : "updated_at";
  return ci_event(string_or_empty(*run, "conclusion"),
                  {.commit = std::move(*commit),
                   .name = std::move(name),
                   .run = ci_run_at(*run, {"id", "run_attempt", when}),
                   .at = time_at(*run, when)});
}

// So many at a time: a query's parameters are bounded.
constexpr std::int64_t kDueAtOnce = 50;

// What is due, and the commits of it.
struct DueOutcomes {
  std::vector<std::pair<std::string, std::string>> entries;  // (commit_id, what)
  std::set<std::string> commits;
};

Result<DueOutcomes> due_outcomes(store::Database& database) {
  const auto rows = database.query(
      "SELECT commit_id, what FROM outcome_due ORDER BY commit_id, what LIMIT ?", {kDueAtOnce});
  if (!rows) return fail(rows.error());
  DueOutcomes due;
  for (const store::Row row : *rows) {
    due.entries.emplace_back(row.text("commit_id"), row.text("what"));
    due.commits.insert(row.text("commit_id"));
  }
  return due;
}

store::OutboxRecord told_outcome(const store::Row& row, Time now) {
  store::Feedback feedback;
  feedback.source = row.text("source");
  feedback.idempotency_key = row.text("idempotency_key") + "/" + row.text("interaction_id");
  feedback.at = row.time("at");
  feedback.id = derived_id("fb", feedback.at, feedback.source + "/" + feedback.idempotency_key);
  feedback.handle = {"id", row.text("interaction_id")};
  feedback.kind = "outcome";
  feedback.by = "automatic";
  feedback.value = row.optional_real("value");
  auto detail = parse_json_object(row.text("detail"));
  if (detail) feedback.detail = std::move(*detail);
  feedback.detail["commit"] = row.text("handle_value");
  feedback.received_at = now;
  return store::feedback_record(feedback, row.text("person_id"));
}

// What the outcomes of these commits have not told their interactions yet.
Result<std::vector<store::OutboxRecord>> untold(store::Database& database,
                                                const std::set<std::string>& commits, Time now,
                                                std::int64_t most) {
  store::Params params(commits.begin(), commits.end());
  params.emplace_back(most);
  const auto rows = database.query(
      "SELECT DISTINCT f.source, f.idempotency_key, f.handle_value, f.value, f.detail, f.at,"
      " g.interaction_id, i.person_id FROM feedback f"
      " JOIN git_commit g ON g.commit_id = f.handle_value"
      " JOIN interaction i ON i.id = g.interaction_id"
      " WHERE f.interaction_id = '' AND f.handle_kind = 'commit' AND f.kind = 'outcome'"
      " AND f.handle_value IN (" +
          placeholders(commits.size()) +
          ") AND NOT EXISTS ("
          "SELECT 1 FROM feedback d WHERE d.source = f.source"
          " AND d.idempotency_key = f.idempotency_key || '/' || g.interaction_id) LIMIT ?",
      params);
  if (!rows) return fail(rows.error());
  std::vector<store::OutboxRecord> records;
  for (const store::Row row : *rows) records.push_back(told_outcome(row, now));
  return records;
}

Result<void> take_out(store::Database& database, const DueOutcomes& due) {
  return database.transaction([&]() -> Result<void> {
    for (const auto& [commit, what] : due.entries) {
      const auto done = database.execute("DELETE FROM outcome_due WHERE commit_id = ? AND what = ?",
                                         {commit, what});
      if (!done) return fail(done.error());
    }
    return {};
  });
}

}  // namespace

bool is_commit_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<CiEvent> read_github_event(std::string_view event, const json::object& body) {
  if (event == "ping") {
    CiEvent ping;
    ping.says_nothing = "ping";
    return ping;
  }
  if (event == "check_run" || event == "check_suite" || event == "workflow_run") {
    return read_github_run(event, body);
  }
  if (event != "status") return CiEvent();
  auto commit = commit_at(body, "sha");
  if (!commit) return fail(commit.error());
  return ci_event(string_or_empty(body, "state"), {.commit = std::move(*commit),
                                                   .name = name_at(body, "context", "status"),
                                                   .run = ci_run_at(body, {"id", "updated_at"}),
                                                   .at = time_at(body, "updated_at")});
}

Result<CiEvent> read_gitlab_event(std::string_view event, const json::object& body) {
  if (event == "Pipeline Hook") {
    const auto pipeline = object_at(body, "object_attributes");
    if (!pipeline) return fail(pipeline.error());
    auto commit = commit_at(*pipeline, "sha");
    if (!commit) return fail(commit.error().with("object_attributes"));
    return ci_event(string_or_empty(*pipeline, "status"),
                    {.commit = std::move(*commit),
                     .name = name_at(*pipeline, "name", "pipeline"),
                     .run = ci_run_at(*pipeline, {"id", "finished_at"}),
                     .at = time_at(*pipeline, "finished_at")});
  }
  if (event != "Job Hook") return CiEvent();
  auto commit = commit_at(body, "sha");
  if (!commit) return fail(commit.error());
  const auto result = string_or_empty(body, "build_status");
  if (truth_at(body, "build_allow_failure") && result == "failed") {
    CiEvent allowed;
    allowed.says_nothing = "allowed to fail";
    return allowed;
  }
  return ci_event(result,
                  {.commit = std::move(*commit),
                   .name = name_at(body, "build_name", "job"),
                   .run = ci_run_at(body, {"build_id", "retries_count", "build_finished_at"}),
                   .at = time_at(body, "build_finished_at")});
}

store::Feedback outcome_feedback(const CiOutcome& outcome, std::string_view source, Time now) {
  store::Feedback feedback;
  feedback.source = source;
  feedback.idempotency_key = "outcome/" + outcome.commit + "/" + brief_digest(outcome.name) +
                             (outcome.run.empty() ? "" : "/" + brief_digest(outcome.run)) +
                             (outcome.passed ? "/pass" : "/fail");
  feedback.id = feedback_id(feedback.source, feedback.idempotency_key);
  feedback.handle = {"commit", outcome.commit};
  feedback.kind = "outcome";
  feedback.by = "automatic";
  feedback.value = outcome.passed ? 1.0 : 0.0;
  if (!outcome.name.empty()) feedback.detail["name"] = outcome.name;
  feedback.at = std::min(outcome.at.value_or(now), now);
  feedback.received_at = now;
  return feedback;
}

Result<std::int64_t> spread_outcomes(
    store::Database& database, Time now,
    const std::function<Result<void>(std::vector<store::OutboxRecord>)>& sink, std::int64_t most) {
  std::int64_t told = 0;
  while (told < most) {
    const auto due = due_outcomes(database);
    if (!due) return fail(due.error());
    if (due->entries.empty()) break;
    auto records = untold(database, due->commits, now, most - told);
    if (!records) return fail(records.error());
    const auto count = static_cast<std::int64_t>(records->size());
    if (count > 0) {
      if (auto written = sink(std::move(*records)); !written) return fail(written.error());
    }
    told += count;
    // Of these commits there may be more: they stay due.
    if (told >= most) break;
    if (auto done = take_out(database, *due); !done) return fail(done.error());
  }
  return told;
}

}  // namespace hone::feedback
