// Holds the sequential test's error rate by simulating whole releases with looks after every
// verdict, in a short form with room for chance. With HONE_FULL_RELEASES=1 it simulates 1,000
// releases a cell, and all cells; `./dev test --full` does so in an optimised build
// (release_simulation).
#include "release/sequential.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace hone::release {
namespace {

constexpr double kMostPerPeriod = 25;  // as releases.cpp caps it

struct Scenario {
  int people = 100;
  int most_verdicts = 30;      // from 5 to these, per person, over all days
  double correlation = 0;      // within a person
  double rate = 0.5;           // on the baseline
  double effect = 0;           // what the canary adds
  double drift = 0.1;          // each day's rate moves by up to this, either way
  std::vector<double> shares;  // one a day
};

struct Outcome {
  int better = 0;
  int worse = 0;
  int covered = 0;  // releases whose interval held the truth at every look
  double verdicts_to_decision = 0;
};

struct Event {
  int day;
  int person;
};

double own_rate(std::mt19937_64& chance, double rate, double correlation) {
  if (correlation <= 0) return rate;
  const double size = (1 - correlation) / correlation;
  std::gamma_distribution<double> yes(rate * size, 1);
  std::gamma_distribution<double> no((1 - rate) * size, 1);
  const double a = yes(chance);
  const double b = no(chance);
  return a + b > 0 ? a / (a + b) : 0;
}

// Everyone's verdicts in the order in which they come: day by day, mixed within a day.
std::vector<Event> draw_events(std::mt19937_64& chance, const Scenario& scenario) {
  std::vector<Event> events;
  const int days = static_cast<int>(scenario.shares.size());
  for (int person = 0; person < scenario.people; ++person) {
    const int count = std::uniform_int_distribution<int>(5, scenario.most_verdicts)(chance);
    for (int i = 0; i < count; ++i) {
      events.push_back({std::uniform_int_distribution<int>(0, days - 1)(chance), person});
    }
  }
  std::shuffle(events.begin(), events.end(), chance);
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.day < b.day; });
  return events;
}

// Looks after every verdict are cheap where nothing can be decided: the variance is at least that
// of outcomes that all came from people of their own, and boundaries only widen with it, so a score
// within the boundaries of that floor is within the test's. Everything else is asked of the test.
class Floor {
 public:
  void add(std::int32_t period, bool canary, double outcome) {
    const auto index = static_cast<std::size_t>(period);
    if (index >= totals_.size()) totals_.resize(index + 1);
    auto& total = totals_[index];
    total.count += 1;
    total.sum += outcome;
    if (canary) {
      total.canary_count += 1;
      total.canary_sum += outcome;
    }
  }

  // Neither a decision nor, at `effect`, an interval that lacks it is possible.
  [[nodiscard]] bool is_quiet(double effect) const {
    double score = 0;
    double weight = 0;
    double spread = 0;
    double count = 0;
    for (const auto& total : totals_) {
      if (total.count <= 0) continue;
      const double mean = total.sum / total.count;
      score += total.canary_sum - mean * total.canary_count;
      weight += total.canary_count * (1 - total.canary_count / total.count);
      spread += total.sum - mean * total.sum;
      count += total.count;
    }
    if (weight <= 0 || spread <= 0) return true;
    const double unit = spread / count;
    const TestRules rules;
    const auto bound = [&](double alpha) { return mixture_bound(unit * weight, alpha, 5 * unit); };
    return score < bound(rules.alpha_better) && score > -bound(rules.alpha_worse) &&
           std::abs(score - effect * weight) < bound(0.025);
  }

 private:
  struct Total {
    double count = 0;
    double sum = 0;
    double canary_count = 0;
    double canary_sum = 0;
  };
  std::vector<Total> totals_;
};

void simulate_release(std::mt19937_64& chance, const Scenario& scenario, Outcome& outcome,
                      bool ask_always = false) {
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto days = scenario.shares.size();
  std::vector<double> drift(days);
  for (auto& day : drift) day = scenario.drift * (2 * uniform(chance) - 1);
  std::vector<double> hash;
  std::vector<double> rates;
  for (int i = 0; i < scenario.people; ++i) {
    hash.push_back(uniform(chance));
    rates.push_back(own_rate(chance, scenario.rate, scenario.correlation));
  }
  std::vector<PersonPeriod> seen;
  Floor floor;
  std::vector<int> index(static_cast<std::size_t>(scenario.people) * days, -1);
  bool covered = true;
  bool decided = false;
  int verdicts = 0;
  for (const auto& event : draw_events(chance, scenario)) {
    const auto day = static_cast<std::size_t>(event.day);
    const auto person = static_cast<std::size_t>(event.person);
    const bool canary = hash[person] < scenario.shares[day];
    const double probability =
        std::clamp(rates[person] + drift[day] + (canary ? scenario.effect : 0), 0.0, 1.0);
    const double accepted = uniform(chance) < probability ? 1 : 0;
    int& at = index[person * days + day];
    if (at < 0) {
      at = static_cast<int>(seen.size());
      seen.push_back({event.person, event.day, canary, 0, 0, 0});
    }
    auto& part = seen[static_cast<std::size_t>(at)];
    if (part.count >= kMostPerPeriod) continue;
    part.sum += accepted;
    part.squares += accepted;
    part.count += 1;
    ++verdicts;
    floor.add(event.day, canary, accepted);
    if (!ask_always && floor.is_quiet(scenario.effect)) continue;
    const auto state = test_sequentially(seen, {});
    covered = covered && state.low <= scenario.effect && scenario.effect <= state.high;
    if (!decided && state.decision != Decision::kUndecided) {
      decided = true;
      (state.decision == Decision::kBetter ? outcome.better : outcome.worse) += 1;
      outcome.verdicts_to_decision += verdicts;
    }
    if (decided && scenario.effect != 0) break;
  }
  outcome.covered += covered ? 1 : 0;
}

Outcome simulate(const Scenario& scenario, int releases, bool ask_always = false) {
  std::mt19937_64 chance(20261124);
  Outcome outcome;
  for (int i = 0; i < releases; ++i) simulate_release(chance, scenario, outcome, ask_always);
  return outcome;
}

void print_row(const Scenario& scenario, const Outcome& outcome, int releases) {
  const double all = releases;
  const double decided = outcome.better + outcome.worse;
  std::printf(
      "share %.2f-%.2f people %3d verdicts 5-%-3d icc %.1f rate %.2f effect %+.2f:"
      " better %.3f worse %.3f interval %.3f verdicts to decision %.0f\n",
      scenario.shares.front(), scenario.shares.back(), scenario.people, scenario.most_verdicts,
      scenario.correlation, scenario.rate, scenario.effect, outcome.better / all,
      outcome.worse / all, outcome.covered / all,
      decided > 0 ? outcome.verdicts_to_decision / decided : 0.0);
  std::fflush(stdout);
}

bool full() {
  return std::getenv("HONE_FULL_RELEASES") != nullptr;
}

// Three standard errors over the promise for the short form; the promise itself for the full one.
double allowed(double promise, int releases) {
  if (full()) return promise * releases;
  return releases * promise + 3 * std::sqrt(releases * promise * (1 - promise));
}

std::vector<Scenario> null_scenarios() {
  const std::vector<std::vector<double>> plans = {
      {0.5, 0.5, 0.7}, {0.1, 0.3, 0.5, 0.7}, {0.5, 0.5, 0.5, 0.5}};
  std::vector<Scenario> scenarios;
  for (const auto& shares : plans) {
    for (const double correlation : {0.0, 0.1, 0.3}) {
      for (const int most : {5, 30, 100}) {
        for (const double rate : {0.15, 0.5, 0.85}) {
          const bool wide = shares.front() < 0.5;
          if (!full() && (most == 100 || rate != 0.5)) continue;
          scenarios.push_back({.people = wide ? 100 : 40,
                               .most_verdicts = most,
                               .correlation = correlation,
                               .rate = rate,
                               .shares = shares});
        }
      }
    }
  }
  return scenarios;
}

TEST(Sequential, RarelyPromotesWhatIsNoBetterHoweverOftenOneLooks) {
  const int releases = full() ? 1000 : 100;
  for (const auto& scenario : null_scenarios()) {
    const auto outcome = simulate(scenario, releases);
    print_row(scenario, outcome, releases);
    EXPECT_LE(outcome.better, allowed(0.05, releases));
    EXPECT_LE(outcome.worse, allowed(0.10, releases));
    EXPECT_GE(outcome.covered, releases - allowed(0.10, releases));
  }
}

TEST(Sequential, LooksThatCannotDecideMayBeLeftOut) {
  for (const double effect : {0.0, 0.15, -0.3}) {
    const Scenario scenario{
        .people = 40, .correlation = 0.3, .effect = effect, .shares = {0.5, 0.7}};
    const auto some = simulate(scenario, 10);
    const auto all = simulate(scenario, 10, true);
    EXPECT_EQ(some.better, all.better);
    EXPECT_EQ(some.worse, all.worse);
    EXPECT_EQ(some.covered, all.covered);
    EXPECT_EQ(some.verdicts_to_decision, all.verdicts_to_decision);
  }
}

TEST(Sequential, FindsFifteenPointsAndSaysAfterHowManyVerdicts) {
  const int releases = full() ? 1000 : 60;
  for (const int people : {40, 100, 300}) {
    if (!full() && people == 300) continue;
    for (const double correlation : {0.0, 0.1, 0.3}) {
      const Scenario scenario{.people = people,
                              .most_verdicts = 30,
                              .correlation = correlation,
                              .rate = 0.4,
                              .effect = 0.15,
                              .shares = {0.5, 0.5, 0.7}};
      const auto outcome = simulate(scenario, releases);
      print_row(scenario, outcome, releases);
      EXPECT_LE(outcome.worse, releases / 20);
      if (people >= 100 && correlation < 0.2) {
        // About 80%; the short form sees it with an error of five points.
        EXPECT_GE(outcome.better, releases * 65 / 100);
      }
    }
  }
}

// The demo's second day: 40 people with about 8 verdicts each.
TEST(Sequential, DecidesLargeEffectsWithinOneDayOfFortyPeople) {
  const int releases = full() ? 1000 : 60;
  Scenario better{.people = 40,
                  .most_verdicts = 11,
                  .correlation = 0.1,
                  .rate = 0.2,
                  .effect = 0.6,
                  .drift = 0,
                  .shares = {0.5}};
  auto outcome = simulate(better, releases);
  print_row(better, outcome, releases);
  EXPECT_EQ(outcome.better, releases);
  Scenario worse = better;
  worse.rate = 0.27;
  worse.effect = -0.25;
  outcome = simulate(worse, releases);
  print_row(worse, outcome, releases);
  EXPECT_GE(outcome.worse, releases * 8 / 10);
}

TEST(Sequential, DriftWithGrowingSharesIsNoEffect) {
  // Day 1: 10% accepted, a tenth on the canary; day 2: 90% accepted, nine tenths on it. Pooled
  // without periods the canary has 82% against 18%.
  std::vector<PersonPeriod> seen;
  for (int person = 0; person < 100; ++person) {
    const double first = person % 10 == 0 ? 1 : 0;
    seen.push_back({person, 0, person / 10 == 0, first, 1, first});
    seen.push_back({person, 1, person / 10 != 9, 1 - first, 1, 1 - first});
  }
  const auto state = test_sequentially(seen, {});
  EXPECT_EQ(state.decision, Decision::kUndecided);
  EXPECT_NEAR(state.difference, 0, 1e-9);
}

// Four people, one period, two on each arm: canary 3 of 4, baseline 1 of 4; mean 0.5, share 0.5.
// Scores: .5 (2-1), .5 (1-1), -.5 (1-1), -.5 (0-1) = .5, 0, 0, .5. U = 1, weight 2, difference 0.5.
TEST(Sequential, ScoreAndDifferenceMatchTheHandComputation) {
  const std::vector<PersonPeriod> seen = {
      {0, 0, true, 2, 2, 2}, {1, 0, true, 1, 2, 1}, {2, 0, false, 1, 2, 1}, {3, 0, false, 0, 2, 0}};
  const auto state = test_sequentially(seen, {.min_people_per_arm = 2});
  EXPECT_NEAR(state.score, 1, 1e-12);
  EXPECT_NEAR(state.difference, 0.5, 1e-12);
  EXPECT_EQ(state.canary_people, 2);
  EXPECT_EQ(state.baseline_people, 2);
}

TEST(Sequential, SaysNothingBeforeThereAreEnoughPeople) {
  std::vector<PersonPeriod> seen;
  for (int person = 0; person < 14; ++person) {
    const double sum = person % 2 == 0 ? 50 : 0;
    seen.push_back({person, 0, person % 2 == 0, sum, 50, sum});
  }
  EXPECT_EQ(test_sequentially(seen, {}).decision, Decision::kUndecided);
  seen.push_back({14, 0, true, 50, 50, 50});
  seen.push_back({15, 0, false, 0, 50, 0});
  EXPECT_EQ(test_sequentially(seen, {}).decision, Decision::kBetter);
  EXPECT_EQ(test_sequentially({}, {}).decision, Decision::kUndecided);
}

TEST(Sequential, OnePersonsManyVerdictsDecideNothing) {
  std::vector<PersonPeriod> seen;
  for (int person = 0; person < 40; ++person) {
    const double sum = person % 4 < 2 ? 1 : 0;  // half of each arm
    seen.push_back({person, 0, person % 2 == 0, sum, 2, sum});
  }
  seen[0].sum = seen[0].squares = seen[0].count = kMostPerPeriod;
  EXPECT_EQ(test_sequentially(seen, {}).decision, Decision::kUndecided);
}

}  // namespace
}  // namespace hone::release
