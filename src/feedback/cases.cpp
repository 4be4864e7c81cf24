#include "feedback/cases.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/log.h"
#include "feedback/witnesses.h"
#include "store/block_content.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

// In the order of the query below: looking columns up by name costs more than all else.
struct CaseColumn {
  enum : std::size_t {
    kInteraction,
    kSignal,
    kKind,
    kBy,
    kSource,
    kPerson,
    kValue,
    kFinalText,
    kAt,
    kDetail,
    kTeam,
    kCareless,
    kContrary,
    kUnkept,
    kModel,
    kTool,
    kPurpose,
    kHasAnswer,
    kPolicy,  // from here on only with the stored verdict
    kVerdict,
    kStrength,
    kStoredText,
    kDistance,
    kReasons,
    kDecidedAt,
  };
};

std::string case_query(bool stored, std::string_view where) {
  std::string sql =
      "SELECT f.interaction_id, f.id, f.kind, f.by_whom, f.source, f.person_id, f.value,"
      " f.final_text, f.at, f.detail, p.team_id, d.careless, d.contrary, d.unkept, i.model, "
      "i.tool, i.purpose,"
      " CASE WHEN n.block IS NULL THEN 0 ELSE 1 END";
  if (stored) {
    sql +=
        ", v.policy, v.verdict, v.strength, v.final_text, v.edit_distance, v.reasons,"
        " v.decided_at";
  }
  sql +=
      " FROM feedback f JOIN interaction i ON i.id = f.interaction_id"
      " LEFT JOIN node n ON n.id = i.output_node"
      " LEFT JOIN person p ON p.id = f.person_id"
      " LEFT JOIN decider d ON d.person_id = f.person_id";
  if (stored) sql += " LEFT JOIN verdict v ON v.interaction_id = f.interaction_id";
  return sql + " WHERE " + std::string(where) + " ORDER BY f.interaction_id";
}

// A git check, as git_observer names them: a commit is a considered act, as ten minutes are.
double seconds_of_check(std::string_view check) {
  constexpr std::pair<std::string_view, double> kChecks[] = {
      {"30s", 30},     {"2m", 120},      {"5m", 300},    {"10m", 600},
      {"commit", 600}, {"merge", 86400}, {"day", 86400},
  };
  for (const auto& [name, seconds] : kChecks) {
    if (name == check) return seconds;
  }
  return 0;
}

// What the source noted with the signal.
void read_detail(const std::string& text, Signal& signal) {
  read_witness(text, signal);
  if (text.size() <= 2 || (signal.kind != "persisted" && signal.kind != "undone")) return;
  const auto detail = parse_json_object(text);
  if (!detail) return;
  signal.about = string_or_empty(*detail, "tool_call");
  if (signal.kind == "undone") return;
  signal.after_seconds = seconds_of_check(string_or_empty(*detail, "check"));
  const auto* after = detail->if_contains("after_seconds");
  if (after != nullptr && after->is_number()) signal.after_seconds = after->to_number<double>();
}

Signal read_signal_row(const store::Row& row) {
  Signal signal;
  signal.id = row.text(CaseColumn::kSignal);
  signal.kind = row.text(CaseColumn::kKind);
  signal.by = row.text(CaseColumn::kBy);
  signal.source = row.text(CaseColumn::kSource);
  signal.person = row.text(CaseColumn::kPerson);
  signal.value = row.optional_real(CaseColumn::kValue);
  signal.final_text = row.optional_text(CaseColumn::kFinalText);
  signal.at = row.time(CaseColumn::kAt);
  read_detail(row.text(CaseColumn::kDetail), signal);
  signal.team = row.text(CaseColumn::kTeam);
  signal.habit = {.careless = row.real(CaseColumn::kCareless),
                  .contrary = row.real(CaseColumn::kContrary),
                  .unkept = row.real(CaseColumn::kUnkept)};
  return signal;
}

Case begin_case(const store::Row& row, bool stored) {
  Case one;
  one.id = row.text(CaseColumn::kInteraction);
  one.model = row.text(CaseColumn::kModel);
  one.tool = row.text(CaseColumn::kTool);
  one.purpose = row.text(CaseColumn::kPurpose);
  one.has_answer = row.truth(CaseColumn::kHasAnswer);
  if (stored && !row.is_null(CaseColumn::kVerdict)) {
    one.stored = StoredVerdict{.policy = row.text(CaseColumn::kPolicy),
                               .verdict = row.text(CaseColumn::kVerdict),
                               .strength = row.real(CaseColumn::kStrength),
                               .final_text = row.optional_text(CaseColumn::kStoredText),
                               .edit_distance = row.optional_real(CaseColumn::kDistance),
                               .reasons = row.text(CaseColumn::kReasons),
                               .decided_at = row.time(CaseColumn::kDecidedAt)};
  }
  return one;
}

std::vector<Case> read_cases(const store::Rows& rows, bool stored) {
  std::vector<Case> cases;
  for (const auto row : rows) {
    if (cases.empty() || cases.back().id != row.text(CaseColumn::kInteraction)) {
      cases.push_back(begin_case(row, stored));
    }
    cases.back().signals.push_back(read_signal_row(row));
  }
  return cases;
}

Result<json::object> read_answer(const store::Row& row) {
  const auto content = store::read_content(row);
  if (!content) return fail(content.error());
  return parse_json_object(*content);
}

// `where` narrows the feedback whose interactions' answers are wanted.
Result<void> load_answers(store::Database& database, std::string_view where,
                          const store::Params& params, std::vector<Case>& cases) {
  std::map<std::string_view, Case*> edited;
  for (Case& one : cases) {
    const bool changed = std::ranges::any_of(
        one.signals, [](const Signal& signal) { return signal.final_text.has_value(); });
    if (changed && one.has_answer) edited.emplace(one.id, &one);
  }
  if (edited.empty()) return {};
  auto rows = database.query(
      "SELECT i.id, " + std::string(store::kBlockColumns) +
          " FROM interaction i JOIN node n ON n.id = i.output_node JOIN block b ON b.id = n.block"
          " WHERE i.id IN (SELECT f.interaction_id FROM feedback f WHERE f.final_text IS NOT NULL"
          " AND " +
          std::string(where) + ")",
      params);
  if (!rows) return fail(rows.error());
  for (const auto row : *rows) {
    const auto found = edited.find(row.text("id"));
    if (found == edited.end()) continue;
    const auto message = read_answer(row);
    found->second->has_answer = message.has_value();
    if (message) {
      found->second->answer = wire::text_of(*message);
    } else {
      // One damaged block must not keep all later verdicts from being made.
      spdlog::warn("verdict of {}: its answer cannot be read: {}", row.text("id"),
                   message.error().message);
    }
  }
  return {};
}

std::string reasons_text(const std::vector<Reason>& reasons) {
  json::array array;
  for (const auto& reason : reasons) {
    json::object object{{"signal", reason.signal},
                        {"kind", reason.kind},
                        {"by", reason.by},
                        {"log_odds", reason.log_odds}};
    if (!reason.note.empty()) object["note"] = reason.note;
    if (!reason.steps.empty()) {
      json::object steps;
      for (const Step& step : reason.steps) steps[step.why] = step.times;
      object["weight"] = reason.weight;
      object["steps"] = std::move(steps);
    }
    array.push_back(std::move(object));
  }
  return json::serialize(array);
}

}  // namespace

std::string placeholders(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "?" : ", ?";
  return text;
}

// Asked of the index alone, so that no interaction is cut in two.
Result<std::string> CaseReader::page_end() const {
  auto last = database_.query(
      "SELECT interaction_id AS id FROM feedback WHERE interaction_id > ?"
      " ORDER BY interaction_id LIMIT 1 OFFSET ?",
      {after_, std::max<std::int64_t>(0, options_.page - 1)});
  if (last && last->empty()) {
    last = database_.query(
        "SELECT COALESCE(MAX(interaction_id), '') AS id FROM feedback WHERE interaction_id > ?",
        {after_});
  }
  if (!last) return fail(last.error());
  return last->front().text("id");
}

Result<std::vector<Case>> CaseReader::next() {
  constexpr std::string_view kWhere = "f.interaction_id > ? AND f.interaction_id <= ?";
  while (true) {
    auto end = page_end();
    if (!end) return fail(end.error());
    if (end->empty()) return std::vector<Case>();
    const store::Params range{after_, *end};
    auto rows = database_.query(case_query(options_.stored, kWhere), range);
    if (!rows) return fail(rows.error());
    auto cases = read_cases(*rows, options_.stored);
    if (options_.answers) {
      auto done = load_answers(database_, kWhere, range, cases);
      if (!done) return fail(done.error());
    }
    after_ = std::move(*end);
    // Feedback whose interactions are gone makes no case, and is no end.
    if (!cases.empty()) return cases;
  }
}

Result<std::vector<Case>> load_cases(store::Database& database, const store::Params& ids) {
  const std::string where = "f.interaction_id IN (" + placeholders(ids.size()) + ")";
  auto rows = database.query(case_query(false, where), ids);
  if (!rows) return fail(rows.error());
  auto cases = read_cases(*rows, false);
  if (auto done = load_answers(database, where, ids, cases); !done) return fail(done.error());
  return cases;
}

std::optional<Verdict> decide_case(const Case& one, const Policy& policy) {
  auto verdict = decide(one.signals, policy, one.answer);
  // Without the answer there is nothing to measure an edit against.
  if (verdict && !one.has_answer) verdict->edit_distance.reset();
  return verdict;
}

std::optional<StoredVerdict> to_stored(const std::optional<Verdict>& verdict,
                                       const Policy& policy) {
  if (!verdict) return std::nullopt;
  return StoredVerdict{.policy = policy.version,
                       .verdict = std::string(name(verdict->kind)),
                       .strength = verdict->strength,
                       .final_text = verdict->final_text,
                       .edit_distance = verdict->edit_distance,
                       .reasons = reasons_text(verdict->reasons),
                       .decided_at = verdict->decided_at};
}

Result<void> write_verdict(store::Database& database, const std::string& interaction,
                           const std::optional<StoredVerdict>& verdict) {
  auto removed = database.execute("DELETE FROM verdict WHERE interaction_id = ?", {interaction});
  if (!removed) return fail(removed.error());
  if (!verdict) return {};
  auto written = database.execute(
      "INSERT INTO verdict (interaction_id, policy, verdict, strength, final_text, edit_distance,"
      " reasons, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {interaction, verdict->policy, verdict->verdict, verdict->strength, verdict->final_text,
       verdict->edit_distance, verdict->reasons, verdict->decided_at});
  if (!written) return fail(written.error());
  return {};
}

}  // namespace hone::feedback
