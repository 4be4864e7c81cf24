#include "evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace hone::evaluate {
namespace {

TEST(Statistics, QuantilesAreThoseOfThePrintedTables) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959964, 1e-6);
  EXPECT_NEAR(normal_quantile(0.05), -1.644854, 1e-6);
  EXPECT_NEAR(t_quantile(0.975, 1), 12.7062, 1e-4);
  EXPECT_NEAR(t_quantile(0.975, 9), 2.262157, 1e-6);
  EXPECT_NEAR(t_quantile(0.025, 39), -2.022691, 1e-6);
}

// Three people with (sum, count) = (2, 4), (3, 4), (1, 2): mean 0.6, residuals -0.4, 0.6, -0.2;
// moved by -0.4/6, 0.6/6, -0.2/8; squares 0.0044444 + 0.01 + 0.000625 = 0.0150694, times 2/3 =
// 0.0100463.
TEST(Statistics, MeanMatchesTheJackknifeByHand) {
  const std::vector<Cluster> people = {{2, 4}, {3, 4}, {1, 2}};
  const auto mean = clustered_mean(people);
  EXPECT_NEAR(mean.value, 0.6, 1e-12);
  EXPECT_NEAR(mean.standard_error, std::sqrt(0.010046296), 1e-8);
  EXPECT_NEAR(mean.high - mean.value, 4.302653 * std::sqrt(0.010046296), 1e-5);
  EXPECT_EQ(mean.count, 10);
  EXPECT_EQ(mean.people, 3);
}

// With one outcome a person the jackknife is the ordinary standard error, s / sqrt(n).
TEST(Statistics, OneOutcomeAPersonIsTheOrdinaryInterval) {
  const std::vector<Cluster> people = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}};
  EXPECT_NEAR(clustered_mean(people).standard_error, std::sqrt(2.5 / 5), 1e-12);
}

TEST(Statistics, RatesStayInsideZeroAndOneAndLeaveRoomAtTheEnds) {
  const std::vector<Cluster> none(12, Cluster{0, 8});
  const std::vector<Cluster> all(12, Cluster{8, 8});
  const auto zero = clustered_rate(none);
  EXPECT_EQ(zero.low, 0);
  EXPECT_GT(zero.high, 0.04);  // 96 independent ones would say 0.038
  EXPECT_LT(zero.high, 0.25);
  const auto one = clustered_rate(all);
  EXPECT_NEAR(one.low, 1 - zero.high, 1e-9);
  EXPECT_EQ(one.high, 1);
}

TEST(Statistics, TheSameVerdictsFromFewerPeopleSayLess) {
  std::vector<Cluster> many;
  std::vector<Cluster> few;
  for (int i = 0; i < 40; ++i) many.push_back({i % 2 == 0 ? 4.0 : 3.0, 8});
  for (int i = 0; i < 40; ++i) few.push_back({i % 2 == 0 ? 7.0 : 0.0, 8});
  const auto alike = clustered_rate(many);
  const auto apart = clustered_rate(few);
  EXPECT_NEAR(alike.value, apart.value, 1e-9);
  EXPECT_GT(apart.high - apart.low, 2 * (alike.high - alike.low));
}

TEST(Statistics, OnePersonSaysNothing) {
  const std::vector<Cluster> one = {{8, 8}, {0, 0}};
  EXPECT_EQ(clustered_rate(one).low, 0);
  EXPECT_EQ(clustered_rate(one).high, 1);
  EXPECT_TRUE(std::isinf(clustered_mean(one).high));
  EXPECT_EQ(clustered_rate({}).people, 0);
}

// Newcombe 1998, table II, case (a), 56/70 - 48/80, from Wilson intervals: 0.0524 to 0.3339.
TEST(Statistics, DifferenceOfRatesMatchesNewcombe) {
  Interval a{.value = 56.0 / 70, .low = 0.691813, .high = 0.876921};
  Interval b{.value = 48.0 / 80, .low = 0.490439, .high = 0.700355};
  const auto difference = rate_difference(a, b);
  EXPECT_NEAR(difference.value, 0.2, 1e-9);
  EXPECT_NEAR(difference.low, 0.0524, 1e-3);
  EXPECT_NEAR(difference.high, 0.3339, 1e-3);
}

TEST(Statistics, DifferenceOfMeansUsesWelch) {
  Interval a{.value = 3, .standard_error = 1, .count = 30, .people = 10};
  Interval b{.value = 1, .standard_error = 2, .count = 60, .people = 20};
  const auto difference = mean_difference(a, b);
  const double freedom = 25.0 / (1.0 / 9 + 16.0 / 19);
  EXPECT_NEAR(difference.high - 2, std::sqrt(5.0) * t_quantile(0.975, freedom), 1e-9);
}

// A share of people's answers is right at `rate`, differing by person as a beta distribution of
// that correlation; 5 to 30 outcomes each.
std::vector<Cluster> draw_people(std::mt19937_64& chance, int people, double rate,
                                 double correlation) {
  std::vector<Cluster> drawn;
  for (int i = 0; i < people; ++i) {
    double own = rate;
    if (correlation > 0) {
      const double size = (1 - correlation) / correlation;
      std::gamma_distribution<double> yes(rate * size, 1);
      std::gamma_distribution<double> no((1 - rate) * size, 1);
      const double a = yes(chance);
      const double b = no(chance);
      own = a + b > 0 ? a / (a + b) : 0;
    }
    const int count = std::uniform_int_distribution<int>(5, 30)(chance);
    std::binomial_distribution<int> binomial(count, own);
    drawn.push_back({static_cast<double>(binomial(chance)), static_cast<double>(count)});
  }
  return drawn;
}

TEST(Statistics, RateIntervalsCoverTheTruthWithFewAndCorrelatedPeople) {
  constexpr int kRepetitions = 1500;
  for (const double rate : {0.05, 0.2, 0.5, 0.9}) {
    for (const double correlation : {0.0, 0.1, 0.3}) {
      for (const int people : {10, 20, 40}) {
        std::mt19937_64 chance(11);
        int covered = 0;
        int difference_covered = 0;
        for (int i = 0; i < kRepetitions; ++i) {
          const auto a = clustered_rate(draw_people(chance, people, rate, correlation));
          const auto b = clustered_rate(draw_people(chance, people, 0.6 * rate, correlation));
          const auto difference = rate_difference(a, b);
          covered += a.low <= rate && rate <= a.high ? 1 : 0;
          difference_covered +=
              difference.low <= 0.4 * rate && 0.4 * rate <= difference.high ? 1 : 0;
        }
        // 93%, less two standard errors of this many repetitions.
        const double least = kRepetitions * 0.93 - 2 * std::sqrt(kRepetitions * 0.93 * 0.07);
        EXPECT_GE(covered, least) << rate << " " << correlation << " " << people;
        EXPECT_GE(difference_covered, least) << rate << " " << correlation << " " << people;
        std::printf("rate %.2f correlation %.1f people %2d: covers %.3f, difference %.3f\n", rate,
                    correlation, people, covered / static_cast<double>(kRepetitions),
                    difference_covered / static_cast<double>(kRepetitions));
      }
    }
  }
}

TEST(Statistics, MeanIntervalsCoverTheTruthWithFewAndCorrelatedPeople) {
  constexpr int kRepetitions = 2000;
  for (const double correlation : {0.0, 0.1, 0.3}) {
    for (const int people : {10, 40}) {
      std::mt19937_64 chance(5);
      std::normal_distribution<double> normal;
      int covered = 0;
      for (int i = 0; i < kRepetitions; ++i) {
        std::vector<Cluster> drawn;
        for (int p = 0; p < people; ++p) {
          const int count = std::uniform_int_distribution<int>(2, 12)(chance);
          const double own = std::sqrt(correlation) * normal(chance);
          Cluster person{0, static_cast<double>(count)};
          for (int k = 0; k < count; ++k) {
            person.sum += 1 + own + std::sqrt(1 - correlation) * normal(chance);
          }
          drawn.push_back(person);
        }
        const auto mean = clustered_mean(drawn);
        covered += mean.low <= 1 && 1 <= mean.high ? 1 : 0;
      }
      EXPECT_GE(covered, kRepetitions * 0.93) << correlation << " " << people;
    }
  }
}

}  // namespace
}  // namespace hone::evaluate
