#include "evaluate/statistics.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "base/result.h"

namespace hone::evaluate {
namespace {

// In people with outcomes at even odds.
constexpr double kAssumedWeight = 4;

struct Totals {
  double sum = 0;
  double count = 0;
  std::int64_t people = 0;
};

Totals total(std::span<const Cluster> people) {
  Totals totals;
  for (const auto& person : people) {
    if (person.count <= 0) continue;
    totals.sum += person.sum;
    totals.count += person.count;
    ++totals.people;
  }
  return totals;
}

// Leaving person i out moves the ratio by e_i / (N - n_i), e_i their summed residual; the jackknife
// variance is the sum of those squares times (G-1)/G. One person who is all of the data leaves
// nothing.
double jackknife_variance(std::span<const Cluster> people, const Totals& totals) {
  const double mean = totals.sum / totals.count;
  double squares = 0;
  for (const auto& person : people) {
    if (person.count <= 0) continue;
    const double moved = (person.sum - mean * person.count) / (totals.count - person.count);
    squares += moved * moved;
  }
  const auto groups = static_cast<double>(totals.people);
  return squares * (groups - 1) / groups;
}

double upper_tail(double confidence) {
  HONE_ASSERT(confidence > 0 && confidence < 1);
  return 1 - (1 - confidence) / 2;
}

Interval point(const Totals& totals) {
  Interval interval;
  interval.count = static_cast<std::int64_t>(std::llround(totals.count));
  interval.people = totals.people;
  interval.value = totals.count > 0 ? totals.sum / totals.count : 0;
  return interval;
}

// How many verdicts of one person each are worth as much as all of these together. The correlation
// within a person is the estimate, raised towards the assumed one as far as people and their
// outcomes say little about it: few people, or nearly all outcomes alike.
double effective_count(std::span<const Cluster> people, const Totals& totals, double variance) {
  const double rate = totals.sum / totals.count;
  double squares = 0;
  for (const auto& person : people) squares += person.count * person.count;
  const double others =
      squares / totals.count - 1;  // further outcomes of the same person, weighted
  if (others <= 0) return totals.count;
  const double evidence = static_cast<double>(totals.people) * 4 * rate * (1 - rate);
  const double trust = evidence / (evidence + kAssumedWeight);
  double estimate = 0;
  if (evidence > 0) {
    const double effect = variance * totals.count / (rate * (1 - rate));
    estimate = std::max(0.0, (effect - 1) / others);
  }
  const double correlation =
      trust * estimate + (1 - trust) * std::max(estimate, kAssumedCorrelation);
  return totals.count / (1 + others * correlation);
}

}  // namespace

double normal_quantile(double probability) {
  HONE_ASSERT(probability > 0 && probability < 1);
  return boost::math::quantile(boost::math::normal(), probability);
}

double t_quantile(double probability, double degrees_of_freedom) {
  HONE_ASSERT(probability > 0 && probability < 1 && degrees_of_freedom > 0);
  return boost::math::quantile(boost::math::students_t(degrees_of_freedom), probability);
}

Interval clustered_mean(std::span<const Cluster> people, double confidence) {
  const Totals totals = total(people);
  Interval interval = point(totals);
  if (totals.people < 2) {
    interval.standard_error = std::numeric_limits<double>::infinity();
    interval.low = -std::numeric_limits<double>::infinity();
    interval.high = std::numeric_limits<double>::infinity();
    return interval;
  }
  interval.standard_error = std::sqrt(jackknife_variance(people, totals));
  const double reach = interval.standard_error *
                       t_quantile(upper_tail(confidence), static_cast<double>(totals.people - 1));
  interval.low = interval.value - reach;
  interval.high = interval.value + reach;
  return interval;
}

Interval clustered_rate(std::span<const Cluster> people, double confidence) {
  const Totals totals = total(people);
  Interval interval = point(totals);
  interval.high = 1;
  if (totals.people < 2) return interval;
  const double variance = jackknife_variance(people, totals);
  const double z = normal_quantile(upper_tail(confidence));
  const double t = t_quantile(upper_tail(confidence), static_cast<double>(totals.people - 1));
  const double count = effective_count(people, totals, variance) * (z / t) * (z / t);
  const double rate = interval.value;
  const double centre = (rate + z * z / (2 * count)) / (1 + z * z / count);
  const double reach =
      z / (1 + z * z / count) * std::sqrt(rate * (1 - rate) / count + z * z / (4 * count * count));
  interval.standard_error = std::sqrt(variance);
  interval.low = std::clamp(centre - reach, 0.0, rate);
  interval.high = std::clamp(centre + reach, rate, 1.0);
  return interval;
}

Interval rate_difference(const Interval& a, const Interval& b) {
  Interval difference;
  difference.value = a.value - b.value;
  difference.low = difference.value - std::hypot(a.value - a.low, b.high - b.value);
  difference.high = difference.value + std::hypot(a.high - a.value, b.value - b.low);
  difference.standard_error = std::hypot(a.standard_error, b.standard_error);
  difference.count = a.count + b.count;
  difference.people = a.people + b.people;
  return difference;
}

Interval mean_difference(const Interval& a, const Interval& b, double confidence) {
  Interval difference;
  difference.value = a.value - b.value;
  difference.count = a.count + b.count;
  difference.people = a.people + b.people;
  difference.standard_error = std::hypot(a.standard_error, b.standard_error);
  double reach = std::numeric_limits<double>::infinity();
  if (a.people >= 2 && b.people >= 2) {
    const double va = a.standard_error * a.standard_error;
    const double vb = b.standard_error * b.standard_error;
    const double spread =
        va * va / static_cast<double>(a.people - 1) + vb * vb / static_cast<double>(b.people - 1);
    // Without any spread in either group the interval is the point.
    const double freedom = spread > 0 ? (va + vb) * (va + vb) / spread : 1;
    reach =
        spread > 0 ? difference.standard_error * t_quantile(upper_tail(confidence), freedom) : 0;
  }
  difference.low = difference.value - reach;
  difference.high = difference.value + reach;
  return difference;
}

}  // namespace hone::evaluate
