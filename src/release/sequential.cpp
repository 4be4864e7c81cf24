#include "release/sequential.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "evaluate/statistics.h"

namespace hone::release {
namespace {

// In units of one outcome's variance. Tightest after about a hundred outcomes at even shares, and
// within a tenth of that from thirty to a thousand.
constexpr double kTuning = 5;
constexpr double kIntervalAlpha = 0.05;
constexpr double kMostLeverage = 0.99;
constexpr double kWideningAt = 0.975;

struct Period {
  double sum = 0;
  double count = 0;
  double canary_count = 0;
  double squares = 0;
  [[nodiscard]] double mean() const { return sum / count; }
  [[nodiscard]] double share() const { return canary_count / count; }
  [[nodiscard]] double weight() const { return canary_count * (1 - share()); }
};

std::vector<Period> total_by_period(std::span<const PersonPeriod> seen) {
  std::vector<Period> periods;
  for (const auto& part : seen) {
    const auto index = static_cast<std::size_t>(part.period);
    if (index >= periods.size()) periods.resize(index + 1);
    Period& period = periods[index];
    period.sum += part.sum;
    period.count += part.count;
    period.squares += part.squares;
    if (part.canary) period.canary_count += part.count;
  }
  return periods;
}

// What the people have done so far, pooled.
struct Pooled {
  std::vector<Period> periods;
  double weight = 0;  // sum over periods of n_canary n_baseline / n
  double unit = 0;    // the variance of one outcome within its period
};

Pooled pool(std::span<const PersonPeriod> seen) {
  Pooled pooled{.periods = total_by_period(seen)};
  double spread = 0;
  double count = 0;
  for (const auto& period : pooled.periods) {
    if (period.count <= 0) continue;
    pooled.weight += period.weight();
    spread += period.squares - period.mean() * period.sum;
    count += period.count;
  }
  if (count > 0) pooled.unit = spread / count;
  return pooled;
}

// U: how far the canary's outcomes are above their periods' means.
double total_score(std::span<const PersonPeriod> seen, const Pooled& pooled) {
  double total = 0;
  for (const auto& part : seen) {
    const Period& period = pooled.periods[static_cast<std::size_t>(part.period)];
    if (part.canary && part.count > 0) total += part.sum - period.mean() * part.count;
  }
  return total;
}

// A person's residuals, one a period they had outcomes in.
struct Residual {
  std::size_t period = 0;
  double arm = 0;    // 1 or 0, less the canary's share of outcomes
  double value = 0;  // around the periods' means and the difference that was seen
};

// A residual is divided by one less its leverage, the part of that fit that the person made himself
// (CR3), so that one very busy person, or few people, do not look certain.
std::vector<std::vector<Residual>> residuals_by_person(std::span<const PersonPeriod> seen,
                                                       const Pooled& pooled, double difference) {
  std::vector<std::vector<Residual>> people;
  for (const auto& part : seen) {
    if (part.count <= 0) continue;
    const auto index = static_cast<std::size_t>(part.person);
    if (index >= people.size()) people.resize(index + 1);
    const auto at = static_cast<std::size_t>(part.period);
    const Period& period = pooled.periods[at];
    const double arm = (part.canary ? 1 : 0) - period.share();
    const double leverage = part.count / period.count + arm * arm * part.count / pooled.weight;
    const double residual = part.sum - (period.mean() + difference * arm) * part.count;
    people[index].push_back({at, arm, residual / (1 - std::min(leverage, kMostLeverage))});
  }
  return people;
}

// The variance of U, the largest of three answers to "how else could it have come out?":
// - the people's squared scores: what the outcomes of each arm say about themselves;
// - the same residuals, had the people been assigned anew (a person with hash h is on the canary
//   where h is under a period's share, so periods go together by min(s, t) - s t): a small canary
//   that happens to have met no unhappy person borrows the baseline's;
// - every outcome from a person of its own: while few have seen a rare outcome, the other two say
//   far too little.
double variance_of(std::span<const PersonPeriod> seen, const Pooled& pooled, double difference) {
  double observed = 0;
  double assigned = 0;
  for (const auto& person : residuals_by_person(seen, pooled, difference)) {
    double score = 0;
    for (const auto& one : person) {
      score += one.arm * one.value;
      const double share = pooled.periods[one.period].share();
      for (const auto& other : person) {
        const double also = pooled.periods[other.period].share();
        assigned += (std::min(share, also) - share * also) * one.value * other.value;
      }
    }
    observed += score * score;
  }
  return std::max({observed, assigned, pooled.unit * pooled.weight});
}

void count_people(std::span<const PersonPeriod> seen, TestState& state) {
  std::vector<std::uint8_t> arms;
  for (const auto& part : seen) {
    if (part.count <= 0) continue;
    const auto index = static_cast<std::size_t>(part.person);
    if (index >= arms.size()) arms.resize(index + 1);
    arms[index] |= part.canary ? 1 : 2;
    state.outcomes += part.count;
  }
  for (const auto arm : arms) {
    state.canary_people += (arm & 1) != 0 ? 1 : 0;
    state.baseline_people += (arm & 2) != 0 ? 1 : 0;
  }
}

// The variance is known from as few people as the smaller arm has, so boundaries are widened as
// Student's t widens the normal.
double widening(const TestState& state) {
  const auto fewest = static_cast<double>(std::min(state.canary_people, state.baseline_people));
  return evaluate::t_quantile(kWideningAt, std::max(1.0, fewest - 1)) /
         evaluate::normal_quantile(kWideningAt);
}

}  // namespace

std::string_view name(Decision decision) {
  switch (decision) {
    case Decision::kUndecided:
      return "undecided";
    case Decision::kBetter:
      return "better";
    case Decision::kWorse:
      return "worse";
  }
  return "undecided";
}

double mixture_bound(double variance, double alpha, double tuning) {
  const double total = variance + tuning;
  return std::sqrt(2 * total * std::log1p(std::sqrt(total / tuning) / (2 * alpha)));
}

TestState test_sequentially(std::span<const PersonPeriod> seen, const TestRules& rules) {
  TestState state;
  const double infinite = std::numeric_limits<double>::infinity();
  state.better_bound = state.worse_bound = state.high = infinite;
  state.low = -infinite;
  count_people(seen, state);
  const Pooled pooled = pool(seen);
  if (pooled.weight <= 0 || pooled.unit <= 0) return state;

  state.score = total_score(seen, pooled);
  state.difference = state.score / pooled.weight;
  state.variance = variance_of(seen, pooled, state.difference);
  if (std::min(state.canary_people, state.baseline_people) < rules.min_people_per_arm) {
    return state;
  }
  const auto bound = [&](double alpha) {
    return widening(state) * mixture_bound(state.variance, alpha, kTuning * pooled.unit);
  };
  state.better_bound = bound(rules.alpha_better);
  state.worse_bound = bound(rules.alpha_worse);
  const double reach = bound(kIntervalAlpha / 2) / pooled.weight;
  state.low = state.difference - reach;
  state.high = state.difference + reach;
  if (state.score >= state.better_bound) {
    state.decision = Decision::kBetter;
  } else if (state.score <= -state.worse_bound) {
    state.decision = Decision::kWorse;
  }
  return state;
}

}  // namespace hone::release
