// Rates and means of what people did, with intervals that know a person's answers resemble each
// other. Everything takes one `Cluster` a person: the sum of their outcomes and how many there
// were. Pure functions; any thread.
//
//   const auto rate = clustered_rate({{3, 8}, {8, 8}, {0, 5}});   // three people
//   rate.value, rate.low, rate.high                               // 95%
//
// Treating 300 verdicts of 40 people as 300 independent ones makes intervals too narrow by the
// square root of the design effect (Kish 1965); that is how worthless changes come to look good.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone::evaluate {

struct Cluster {
  double sum = 0;    // of outcomes; for a rate, how many were 1
  double count = 0;  // of outcomes
};

struct Interval {
  double value = 0;
  double low = 0;
  double high = 0;
  double standard_error = 0;
  std::int64_t count = 0;   // outcomes
  std::int64_t people = 0;  // clusters with at least one outcome
};

// One interval covers the truth in this share of repetitions.
inline constexpr double kConfidence = 0.95;

[[nodiscard]] double normal_quantile(double probability);
[[nodiscard]] double t_quantile(double probability, double degrees_of_freedom);

// Pooled mean with a symmetric t interval, G-1 degrees of freedom, and the delete-one-cluster
// jackknife variance (CR3: Bell and McCaffrey 2002; MacKinnon, Nielsen and Webb 2023), which stays
// honest with ten people of unequal size where the plain sandwich is too small. Fewer than two
// people: unbounded.
[[nodiscard]] Interval clustered_mean(std::span<const Cluster> people,
                                      double confidence = kConfidence);

// Pooled rate (outcomes 0 or 1) with a Wilson interval on the effective sample size: N over the
// design effect, shrunk by (z/t)^2 for the few people that it was estimated from (Korn and Graubard
// 1998; Wilson instead of Clopper-Pearson as in Dean and Pagano 2015). Never leaves [0, 1]; at a
// rate of 0 or 1, where the variance says nothing, it assumes `kAssumedCorrelation` within a
// person.
[[nodiscard]] Interval clustered_rate(std::span<const Cluster> people,
                                      double confidence = kConfidence);
inline constexpr double kAssumedCorrelation = 0.2;

// a - b of two groups of different people: Newcombe's hybrid of the two rates' intervals (1998,
// method 10).
[[nodiscard]] Interval rate_difference(const Interval& a, const Interval& b);

// a - b of two groups of different people, Welch's degrees of freedom (from people, not outcomes).
// For the same people in both, give their differences to `clustered_mean` instead.
[[nodiscard]] Interval mean_difference(const Interval& a, const Interval& b,
                                       double confidence = kConfidence);

}  // namespace hone::evaluate
