#include "feedback/miner.h"

#include "base/log.h"
#include "feedback/cases.h"
#include "feedback/mining_pass.h"
#include "store/database.h"

namespace hone::feedback {
namespace {

// Their signals are on disk.
Result<void> settle(store::Database& db, const store::Params& ids, const MiningPass& pass) {
  return db.transaction([&]() -> Result<void> {
    auto done = db.execute(
        "DELETE FROM mining_due WHERE interaction_id IN (" + placeholders(ids.size()) + ")", ids);
    if (!done) return fail(done.error());
    for (const auto& [id, until] : pass.waits) {
      done = db.execute(
          "INSERT INTO mining_due (interaction_id, due_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
          {id, until});
      if (!done) return fail(done.error());
    }
    if (pass.followed.empty()) return {};
    done = db.execute("DELETE FROM mining_due WHERE due_at > 0 AND interaction_id IN (" +
                          placeholders(pass.followed.size()) + ")",
                      store::Params(pass.followed.begin(), pass.followed.end()));
    if (!done) return fail(done.error());
    return {};
  });
}

}  // namespace

Result<MiningReport> Miner::mine_batch(const Sink& sink, std::int64_t most) {
  const Time now = clock_.now();
  const auto due = database_.query(
      "SELECT interaction_id, due_at FROM mining_due WHERE due_at <= ?"
      " ORDER BY due_at, interaction_id LIMIT ?",
      {now, most});
  if (!due) return fail(due.error());
  MiningReport report;
  if (due->empty()) return report;
  MiningPass pass(database_, rules_, now);
  store::Params ids;
  for (const store::Row row : *due) {
    const std::string& id = row.text("interaction_id");
    ids.emplace_back(id);
    const auto mined = pass.mine(id, row.integer("due_at") > 0);
    if (mined) continue;
    if (!is_of_one_conversation(mined.error())) return fail(mined.error());
    // One damaged conversation must not keep all later ones from being read.
    ++report.unreadable;
    spdlog::warn("mining of {}: {}", id, mined.error().message);
  }
  report.interactions = static_cast<std::int64_t>(due->size());
  report.signals = static_cast<std::int64_t>(pass.records.size());
  if (!pass.records.empty()) {
    if (auto written = sink(std::move(pass.records)); !written) return fail(written.error());
  }
  if (auto settled = settle(database_, ids, pass); !settled) return fail(settled.error());
  return report;
}

Result<std::int64_t> mine_again(store::Database& database, const MiningRules& rules) {
  const std::string own = "mined:%@" + std::to_string(rules.version);
  std::int64_t due = 0;
  const auto done = database.transaction([&]() -> Result<void> {
    auto ran = database.execute(
        "INSERT INTO verdict_due (interaction_id) SELECT DISTINCT interaction_id FROM feedback"
        " WHERE source LIKE 'mined:%' AND source NOT LIKE ? AND interaction_id <> ''"
        " ON CONFLICT (interaction_id) DO NOTHING",
        {own});
    if (!ran) return fail(ran.error());
    ran = database.execute("DELETE FROM feedback WHERE source LIKE 'mined:%' AND source NOT LIKE ?",
                           {own});
    if (!ran) return fail(ran.error());
    ran = database.execute(
        "INSERT INTO mining_due (interaction_id, due_at) SELECT id, 0 FROM interaction"
        " WHERE wire <> 'import' AND context_node IS NOT NULL"
        " ON CONFLICT (interaction_id) DO UPDATE SET due_at = 0");
    if (!ran) return fail(ran.error());
    due = *ran;
    return {};
  });
  if (!done) return fail(done.error());
  return due;
}

}  // namespace hone::feedback
