// Is the canary better, worse, or is it too early to say? A test that stays valid however often one
// looks: after every verdict if one likes, and one may stop at any look.
//
//   const TestState state = test_sequentially(everything_seen_so_far, rules);
//   if (state.decision == Decision::kBetter) …
//
// The statistic is a score per person, so that a person's verdicts may resemble each other as they
// please: in a period (from one change of share, or one day, to the next, so that drift cannot pass
// for an effect) a person's outcomes less the period's mean, times their arm less the arm's share
// of outcomes; summed over periods it is U_i. U = sum U_i is the Mantel-Haenszel difference, V =
// sum U_i^2 around it, with a leverage correction, its cluster-robust variance, or that of
// assigning the same people anew where that is more (Neyman 1923): a small canary's scores alone do
// not know the people it has not met. U against a normal-mixture boundary of V is the classic of
// Robbins (1970, Ann. Math. Stat. 41); its one-sided closed form is in sec. 3.2 of Howard, Ramdas,
// McAuliffe and Sekhon (2021, Ann. Stat. 49); that an estimated variance may stand for the known
// one is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
// (2024, Ann. Stat. 52). Likeness within a person makes looks more alike than independent
// increments are, hence crossings rarer (Slepian 1962). sequential_test.cpp holds the error rates
// by simulation.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hone::release {

// One person's outcomes in one period. Sums of numbers as well as counts of acceptances.
struct PersonPeriod {
  std::int32_t person = 0;  // any numbering from 0
  std::int32_t period = 0;  // any numbering from 0
  bool canary = false;      // a person has one arm in a period
  double sum = 0;
  double count = 0;
  double squares = 0;  // sum of squared outcomes; equal to `sum` where outcomes are 0 or 1
};

enum class Decision : std::uint8_t { kUndecided, kBetter, kWorse };
[[nodiscard]] std::string_view name(Decision decision);  // "undecided", "better", "worse"

struct TestRules {
  double alpha_better = 0.05;  // chance of ever calling a canary better that is not
  double alpha_worse = 0.10;   // of ever calling it worse: undoing costs less than harm does
  std::int64_t min_people_per_arm = 8;
};

struct TestState {
  Decision decision = Decision::kUndecided;
  double score = 0;         // U
  double variance = 0;      // V
  double better_bound = 0;  // decided when score >= this (infinite before there is enough)
  double worse_bound = 0;   // or score <= -this
  double difference = 0;    // canary minus baseline, pooled over periods
  double low = 0;           // its always-valid 95% interval
  double high = 0;
  std::int64_t canary_people = 0;  // with outcomes
  std::int64_t baseline_people = 0;
  double outcomes = 0;
};

[[nodiscard]] TestState test_sequentially(std::span<const PersonPeriod> seen,
                                          const TestRules& rules);

// P(S_t >= bound(V_t) at any t) <= alpha for a sum S with variance process V; `tuning` is the V at
// which the boundary is about tightest, divided by 5.
[[nodiscard]] double mixture_bound(double variance, double alpha, double tuning);

}  // namespace hone::release
