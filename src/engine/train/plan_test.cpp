#include "engine/train/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace hone::engine {
namespace {

TEST(StepPlan, TakesEveryExampleOnceAnEpoch) {
  const StepPlan plan = plan_steps(10, 4, 2.0, 7);
  ASSERT_EQ(plan.steps, 6);
  for (const std::int64_t epoch : {0, 1}) {
    std::multiset<std::size_t> seen;
    for (std::int64_t step = 3 * epoch; step < 3 * epoch + 3; ++step) {
      const auto chosen = plan.at(step);
      seen.insert(chosen.begin(), chosen.end());
    }
    EXPECT_EQ(seen.size(), 10U);
    EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), 10U);
  }
}

TEST(StepPlan, DependsOnSeedAndStepAlone) {
  const StepPlan plan = plan_steps(50, 8, 3.0, 7);
  EXPECT_EQ(plan.at(9), plan_steps(50, 8, 3.0, 7).at(9));
  EXPECT_NE(plan.at(0), plan_steps(50, 8, 3.0, 8).at(0));
  EXPECT_NE(plan.at(0), plan.at(7));  // the next epoch is another permutation
}

TEST(StepPlan, CountsPartsOfEpochs) {
  EXPECT_EQ(plan_steps(10, 4, 0.5, 1).steps, 2);
  EXPECT_EQ(plan_steps(3, 8, 1.0, 1).steps, 1);
  EXPECT_EQ(plan_steps(3, 8, 0.01, 1).steps, 1);
}

TEST(MicroBatches, StayBelowTheLimitAndLoseNothing) {
  const std::vector<std::size_t> lengths = {5, 5, 5, 100, 1};
  const auto batches = micro_batches({4, 0, 3, 1, 2}, lengths, 10);
  const std::vector<std::vector<std::size_t>> expected = {{4, 0}, {3}, {1, 2}};
  EXPECT_EQ(batches, expected);
}

TEST(ShareOf, GivesEveryExampleToOneRankAndSplitsTokensEvenly) {
  const std::vector<std::size_t> lengths = {9, 1, 5, 5, 2, 2, 7, 3};
  const std::vector<std::size_t> chosen = {7, 0, 3, 1, 6, 2, 5, 4};
  EXPECT_EQ(share_of(chosen, lengths, 0, 1), chosen);
  std::multiset<std::size_t> seen;
  for (int rank = 0; rank < 3; ++rank) {
    std::size_t tokens = 0;
    for (const std::size_t example : share_of(chosen, lengths, rank, 3)) {
      seen.insert(example);
      tokens += lengths[example];
    }
    EXPECT_GE(tokens, 10U);
    EXPECT_LE(tokens, 13U);
  }
  EXPECT_EQ(seen, std::multiset<std::size_t>(chosen.begin(), chosen.end()));
  EXPECT_TRUE(share_of({4}, lengths, 1, 2).empty());
}

}  // namespace
}  // namespace hone::engine
