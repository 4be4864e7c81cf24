#include "release/evidence.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>

#include "release/rows.h"

namespace hone::release {
namespace {

// Sums outcomes by person, period and arm, with the cap.
class Gatherer {
 public:
  void add(std::int32_t person, std::int32_t period, bool canary, double outcome) {
    const auto key = std::make_tuple(person, period, canary);
    const auto [at, is_new] = index_.try_emplace(key, parts_.size());
    if (is_new) parts_.push_back({.person = person, .period = period, .canary = canary});
    PersonPeriod& part = parts_[at->second];
    if (part.count >= kMostPerPersonPeriod) return;
    part.sum += outcome;
    part.squares += outcome * outcome;
    part.count += 1;
  }
  std::vector<PersonPeriod> take() { return std::move(parts_); }

 private:
  std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::size_t> index_;
  std::vector<PersonPeriod> parts_;
};

// Numbers the stretches between what changed the release and between midnights, in order of time.
class Periods {
 public:
  explicit Periods(const std::vector<ReleaseEvent>& events) {
    for (const auto& event : events) {
      if (event.kind == "started" || event.kind == "grown" || event.kind == "promoted" ||
          event.kind == "period") {
        cuts_.push_back(event.at);
      }
    }
    std::sort(cuts_.begin(), cuts_.end());
  }

  // `time` must not be before that of the last call.
  std::int32_t number(Time time) {
    const auto cut = std::upper_bound(cuts_.begin(), cuts_.end(), time) - cuts_.begin();
    const auto day = std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
    const std::pair<std::int64_t, std::int64_t> stretch(cut, day);
    if (newest_ < 0 || stretch != stretch_) {
      stretch_ = stretch;
      ++newest_;
    }
    return newest_;
  }

 private:
  std::vector<Time> cuts_;
  std::pair<std::int64_t, std::int64_t> stretch_;
  std::int32_t newest_ = -1;
};

// When the share became what it is.
Time last_growth(const std::vector<ReleaseEvent>& events) {
  Time last{};
  for (const auto& event : events) {
    if (event.kind == "started" || event.kind == "grown") last = std::max(last, event.at);
  }
  return last;
}

bool is_outcome(std::string_view verdict) {
  return verdict == "accepted" || verdict == "modified" || verdict == "rejected";
}

// Status 0 is a tool that went away: nobody's error.
bool is_error(const store::Row& row) {
  const auto status = row.integer("status");
  return status >= 500 || (status != 0 && !row.text("error").empty());
}

TestState test_excess(std::vector<PersonPeriod> parts, double allowed, std::int64_t min_people) {
  // More is worse here and better in the test, so outcomes change sign; the canary is given what is
  // allowed.
  for (auto& part : parts) {
    const double gift = part.canary ? allowed : 0;
    part.squares += part.count * gift * gift - 2 * gift * part.sum;
    part.sum = gift * part.count - part.sum;
  }
  return test_sequentially(parts, {.alpha_better = kGuardrailAlpha,
                                   .alpha_worse = kGuardrailAlpha,
                                   .min_people_per_arm = min_people});
}

double mean_of(const std::vector<PersonPeriod>& parts, bool canary) {
  double sum = 0;
  double count = 0;
  for (const auto& part : parts) {
    if (part.canary != canary) continue;
    sum += part.sum;
    count += part.count;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace

Result<Evidence> read_evidence(store::Database& database, std::string_view release_id) {
  const auto events = query_events(database, release_id);
  if (!events) return fail(events.error());
  const auto rows = database.query(
      "SELECT i.person_id AS person, i.arm AS arm, i.started_at AS at, i.status AS status,"
      " i.error AS error, i.duration_ms AS duration_ms, v.verdict AS verdict"
      " FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id"
      " WHERE i.release_id = ? AND i.release_id <> '' AND i.arm IN ('baseline', 'canary')"
      " AND i.person_id <> ''"
      " ORDER BY i.started_at, i.id",
      {release_id});
  if (!rows) return fail(rows.error());
  Periods periods(*events);
  std::unordered_map<std::string, std::int32_t> people;
  Gatherer acceptance;
  Gatherer errors;
  Gatherer latency;
  std::set<std::int32_t> canary_people_now;
  const Time grown_at = last_growth(*events);
  for (const store::Row row : *rows) {
    const auto next = static_cast<std::int32_t>(people.size());
    const auto person = people.try_emplace(row.text("person"), next).first->second;
    const auto period = periods.number(row.time("at"));
    const bool canary = row.text("arm") == "canary";
    const bool failed = is_error(row);
    if (is_outcome(row.text("verdict"))) {
      acceptance.add(person, period, canary, row.text("verdict") == "accepted" ? 1 : 0);
      if (canary && row.time("at") >= grown_at) canary_people_now.insert(person);
    }
    errors.add(person, period, canary, failed ? 1 : 0);
    if (!failed && row.integer("duration_ms") > 0) {
      latency.add(person, period, canary, std::log(row.real("duration_ms")));
    }
  }
  return Evidence{acceptance.take(), errors.take(), latency.take(),
                  static_cast<std::int64_t>(canary_people_now.size())};
}

TestState test_acceptance(const Release& release, const Evidence& evidence) {
  return test_sequentially(evidence.acceptance,
                           {.alpha_better = release.recipe.alpha,
                            .min_people_per_arm = release.recipe.min_people_per_arm});
}

std::vector<Guardrail> test_guardrails(const Release& release, const Evidence& evidence) {
  const auto guard = [&](std::string name, const std::vector<PersonPeriod>& parts, double allowed) {
    Guardrail guardrail{.name = std::move(name),
                        .baseline = mean_of(parts, false),
                        .canary = mean_of(parts, true),
                        .test = test_excess(parts, allowed, release.recipe.min_people_per_arm)};
    guardrail.breached = guardrail.test.decision == Decision::kWorse;
    return guardrail;
  };
  std::vector<Guardrail> guardrails = {
      guard("errors", evidence.errors, kAllowedErrors),
      guard("latency", evidence.latency, std::log(kAllowedSlowdown))};
  guardrails[1].baseline = std::exp(guardrails[1].baseline);
  guardrails[1].canary = std::exp(guardrails[1].canary);
  return guardrails;
}

}  // namespace hone::release
