// All verdicts decided again, against those that the table has.
#include <cmath>

#include "feedback/cases.h"
#include "feedback/verdicts.h"
#include "store/database.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kMostSourcesShown = 100;
constexpr double kVisible = 0.01;  // of strength

// Whose signal moved the verdict most; the first one's where none did.
std::string weightiest_source(const Case& one, const std::optional<Verdict>& verdict) {
  std::string_view source = one.signals.front().source;
  double most = 0;
  if (verdict) {
    for (const Reason& reason : verdict->reasons) {
      if (std::abs(reason.log_odds) <= most) continue;
      most = std::abs(reason.log_odds);
      source = reason.source;
    }
  }
  return std::string(source);
}

class Replay {
 public:
  Replay(store::Database& database, const Policy& policy, const ReplayOptions& options)
      : database_(database), policy_(policy), options_(options) {}

  Result<Replayed> run() {
    if (auto done = estimate_habits(); !done) return fail(done.error());
    CaseReader reader(database_, {.stored = true});
    bool more = true;
    while (more) {
      auto page = [&]() -> Result<void> {
        auto cases = reader.next();
        if (!cases) return fail(cases.error());
        more = !cases->empty();
        for (Case& one : *cases) {
          if (auto done = take(one); !done) return done;
        }
        return {};
      };
      // Read and written in one transaction, so that a signal linked in between is not overlooked.
      auto done = options_.apply ? database_.transaction(page) : page();
      if (!done) return fail(done.error());
    }
    if (auto done = forget(); !done) return fail(done.error());
    return std::move(report_);
  }

 private:
  Result<void> estimate_habits() {
    if (policy_.habits.on) {
      HabitCounter counter;
      CaseReader reader(database_, {.answers = false});
      while (true) {
        auto cases = reader.next();
        if (!cases) return fail(cases.error());
        if (cases->empty()) break;
        for (const Case& one : *cases) counter.add(one, policy_);
      }
      report_.people = counter.estimate(policy_.habits);
    }
    habits_ = held_against(report_.people);
    if (!options_.apply) return {};
    return save_habits(database_, report_.people);
  }

  Result<void> take(Case& one) {
    for (Signal& signal : one.signals) {
      const auto found = habits_.find(signal.person);
      signal.habit = found == habits_.end() ? Habit() : found->second;
    }
    const auto verdict = decide_case(one, policy_);
    compare(one, verdict);
    if (!options_.apply) return {};
    const auto stored = to_stored(verdict, policy_);
    if (stored == one.stored) return {};
    ++report_.written;
    return write_verdict(database_, one.id, stored);
  }

  void compare(const Case& one, const std::optional<Verdict>& verdict) {
    const std::string before = one.stored ? one.stored->verdict : "none";
    const std::string after = verdict ? std::string(name(verdict->kind)) : "none";
    const double strength_before = one.stored ? one.stored->strength : 0;
    const double strength_after = verdict ? verdict->strength : 0;
    ++report_.interactions;
    report_.signals += static_cast<std::int64_t>(one.signals.size());
    const std::int64_t alike = ++report_.verdicts[{before, after}];
    std::string source = weightiest_source(one, verdict);
    const bool room =
        report_.sources.size() < kMostSourcesShown || report_.sources.contains(source);
    auto& of_source = report_.sources[room ? source : "others"];
    ++of_source.interactions;
    if (before == after) {
      if (strength_after > strength_before + kVisible) ++report_.strengthened;
      if (strength_after < strength_before - kVisible) ++report_.weakened;
      return;
    }
    ++report_.changed;
    ++of_source.changed;
    if (static_cast<std::size_t>(alike) > options_.examples) return;
    report_.examples.push_back({.interaction = one.id,
                                .source = std::move(source),
                                .before = before,
                                .after = after,
                                .strength_before = strength_before,
                                .strength_after = strength_after});
  }

  // Verdicts that no feedback supports any more.
  Result<void> forget() {
    const std::string orphans =
        " FROM verdict WHERE NOT EXISTS"
        " (SELECT 1 FROM feedback f WHERE f.interaction_id = verdict.interaction_id)";
    auto rows = database_.query("SELECT verdict, COUNT(*) AS n" + orphans + " GROUP BY verdict");
    if (!rows) return fail(rows.error());
    for (const auto row : *rows) {
      const std::int64_t number = row.integer("n");
      report_.verdicts[{row.text("verdict"), "none"}] += number;
      report_.interactions += number;
      report_.changed += number;
    }
    if (!options_.apply || rows->empty()) return {};
    auto removed = database_.execute("DELETE" + orphans);
    if (!removed) return fail(removed.error());
    report_.written += *removed;
    return {};
  }

  store::Database& database_;
  const Policy& policy_;
  const ReplayOptions options_;
  Habits habits_;
  Replayed report_;
};

}  // namespace

Result<Replayed> replay(store::Database& database, const Policy& policy,
                        const ReplayOptions& options) {
  return Replay(database, policy, options).run();
}

}  // namespace hone::feedback
