#include "feedback/verdicts.h"

#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "feedback/verdict.h"
#include "feedback/witnesses.h"
#include "store/block_content.h"
#include "store/database.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

// Interactions decided in one transaction: few enough that a writer beside us waits milliseconds.
constexpr std::int64_t kBatch = 200;

struct Case {
  std::string answer;
  bool has_answer = false;
  std::vector<Signal> signals;
};
using Cases = std::map<std::string, Case>;  // by interaction

std::string marks(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "?" : ", ?";
  return text;
}

Result<json::object> read_message(const store::Row& row) {
  const auto content = store::read_content(row);
  if (!content) return fail(content.error());
  return parse_json_object(*content);
}

Result<void> load_answers(store::Database& database, const store::Params& ids, Cases& cases) {
  auto rows = database.query("SELECT i.id, " + std::string(store::kBlockColumns) +
                                 " FROM interaction i LEFT JOIN node n ON n.id = i.output_node"
                                 " LEFT JOIN block b ON b.id = n.block"
                                 " WHERE i.id IN (" +
                                 marks(ids.size()) + ")",
                             ids);
  if (!rows) return fail(rows.error());
  for (const auto row : *rows) {
    Case& one = cases[row.text("id")];
    if (row.is_null("block")) continue;
    const auto message = read_message(row);
    if (!message) {
      // One damaged block must not keep all later verdicts from being made.
      spdlog::warn("verdict of {}: its answer cannot be read: {}", row.text("id"),
                   message.error().message);
      continue;
    }
    one.answer = wire::text_of(*message);
    one.has_answer = true;
  }
  return {};
}

Result<void> load_signals(store::Database& database, const store::Params& ids, Cases& cases) {
  auto rows = database.query(
      "SELECT interaction_id, id, kind, by_whom, source, person_id, value, final_text, at, detail"
      " FROM feedback WHERE interaction_id IN (" +
          marks(ids.size()) + ")",
      ids);
  if (!rows) return fail(rows.error());
  for (const auto row : *rows) {
    const auto found = cases.find(row.text("interaction_id"));
    if (found == cases.end()) continue;
    found->second.signals.push_back({row.text("id"), row.text("kind"), row.text("by_whom"),
                                     row.text("source"), row.text("person_id"),
                                     row.optional_real("value"), row.optional_text("final_text"),
                                     row.time("at")});
    read_witness(row.text("detail"), found->second.signals.back());
  }
  return {};
}

Result<Cases> load_cases(store::Database& database, const store::Params& ids) {
  Cases cases;
  if (auto done = load_answers(database, ids, cases); !done) return fail(done.error());
  if (auto done = load_signals(database, ids, cases); !done) return fail(done.error());
  return cases;
}

std::optional<Verdict> decide_case(Case& one, const Policy& policy) {
  auto verdict = decide(std::move(one.signals), policy, one.answer);
  // Without the answer there is nothing to measure an edit against.
  if (verdict && !one.has_answer) verdict->edit_distance.reset();
  return verdict;
}

std::string reasons_text(const std::vector<Reason>& reasons) {
  json::array array;
  for (const auto& reason : reasons) {
    json::object object{{"signal", reason.signal},
                        {"kind", reason.kind},
                        {"by", reason.by},
                        {"log_odds", reason.log_odds}};
    if (!reason.note.empty()) object["note"] = reason.note;
    array.push_back(std::move(object));
  }
  return json::serialize(array);
}

Result<void> write_verdict(store::Database& database, const std::string& id, const Policy& policy,
                           const std::optional<Verdict>& verdict) {
  auto removed = database.execute("DELETE FROM verdict WHERE interaction_id = ?", {id});
  if (!removed) return fail(removed.error());
  if (!verdict) return {};
  auto written = database.execute(
      "INSERT INTO verdict (interaction_id, policy, verdict, strength, final_text, edit_distance,"
      " reasons, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {id, policy.version, name(verdict->kind), verdict->strength, verdict->final_text,
       verdict->edit_distance, reasons_text(verdict->reasons), verdict->decided_at});
  if (!written) return fail(written.error());
  return {};
}

// Decides up to kBatch of the interactions that are due. They are taken out first and read after: a
// signal that another process links in between is then seen by the reading, or due again.
Result<std::int64_t> refresh_batch(store::Database& database, const Policy& policy) {
  std::int64_t decided = 0;
  auto done = database.transaction([&]() -> Result<void> {
    auto due = database.query("SELECT interaction_id FROM verdict_due LIMIT ?", {kBatch});
    if (!due) return fail(due.error());
    if (due->empty()) return {};
    store::Params ids;
    for (const auto row : *due) ids.emplace_back(row.text("interaction_id"));
    auto taken = database.execute(
        "DELETE FROM verdict_due WHERE interaction_id IN (" + marks(ids.size()) + ")", ids);
    if (!taken) return fail(taken.error());
    auto cases = load_cases(database, ids);
    if (!cases) return fail(cases.error());
    for (auto& [id, one] : *cases) {
      auto written = write_verdict(database, id, policy, decide_case(one, policy));
      if (!written) return written;
    }
    decided = static_cast<std::int64_t>(ids.size());
    return {};
  });
  if (!done) return fail(done.error());
  return decided;
}

}  // namespace

Result<std::int64_t> refresh(store::Database& database, const Policy& policy) {
  // A plain read first: an idle server that asks every second takes no write lock.
  auto any = database.query("SELECT interaction_id FROM verdict_due LIMIT 1");
  if (!any) return fail(any.error());
  if (any->empty()) return 0;
  std::int64_t total = 0;
  while (true) {
    auto decided = refresh_batch(database, policy);
    if (!decided) return fail(decided.error());
    total += *decided;
    if (*decided < kBatch) return total;
  }
}

Result<std::int64_t> replay(store::Database& database, const Policy& policy) {
  auto marked = database.execute(
      "INSERT INTO verdict_due (interaction_id)"
      " SELECT interaction_id FROM feedback WHERE interaction_id <> ''"
      " UNION SELECT interaction_id FROM verdict WHERE interaction_id <> ''"
      " ON CONFLICT (interaction_id) DO NOTHING");
  if (!marked) return fail(marked.error());
  return refresh(database, policy);
}

Result<std::string> explain(store::Database& database, const Policy& policy,
                            std::string_view interaction_id) {
  auto cases = load_cases(database, {interaction_id});
  if (!cases) return fail(cases.error());
  if (cases->empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("no interaction '{}'", interaction_id));
  }
  Case& one = cases->begin()->second;
  const Weighing sum = weigh(one.signals, policy, one.answer);
  std::string text = fmt::format("{} under policy {}\n", interaction_id, policy.version);
  for (const auto& reason : sum.reasons) {
    text += fmt::format("  {:+.2f}  {} by {}  {}{}\n", reason.log_odds, reason.kind, reason.by,
                        reason.signal, reason.note.empty() ? "" : " (" + reason.note + ")");
  }
  const auto verdict = decide_case(one, policy);
  if (!verdict) return text + "  no verdict: nothing that weighs\n";
  text += fmt::format("  {:+.2f} for, {:+.2f} against: {:+.2f}\n", sum.supporting, -sum.opposing,
                      verdict->log_odds);
  text += fmt::format("{}, strength tanh({:.2f} / 2) = {:.2f}", name(verdict->kind),
                      std::abs(verdict->log_odds), verdict->strength);
  if (verdict->kind == VerdictKind::kContested) {
    text += fmt::format("; both sides reach {:.2f}, or neither prevails", policy.contested);
  }
  if (verdict->edit_distance)
    text += fmt::format(", edit distance {:.2f}", *verdict->edit_distance);
  return text + "\n";
}

}  // namespace hone::feedback
