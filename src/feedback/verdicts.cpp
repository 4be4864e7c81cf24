#include "feedback/verdicts.h"

#include <map>

#include "feedback/cases.h"
#include "store/database.h"

namespace hone::feedback {
namespace {

// Interactions decided in one transaction: few enough that a writer beside us waits milliseconds.
constexpr std::int64_t kBatch = 200;

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
        "DELETE FROM verdict_due WHERE interaction_id IN (" + placeholders(ids.size()) + ")", ids);
    if (!taken) return fail(taken.error());
    auto cases = load_cases(database, ids);
    if (!cases) return fail(cases.error());
    std::map<std::string, std::optional<StoredVerdict>> verdicts;
    for (const auto row : *due) verdicts[row.text("interaction_id")];  // or there is none any more
    for (const Case& one : *cases) verdicts[one.id] = to_stored(decide_case(one, policy), policy);
    for (const auto& [id, verdict] : verdicts) {
      if (auto written = write_verdict(database, id, verdict); !written) return written;
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

}  // namespace hone::feedback
