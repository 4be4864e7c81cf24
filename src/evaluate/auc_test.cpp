#include "evaluate/auc.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace hone::evaluate {
namespace {

TEST(Auc, CountsPairsAndHalvesTies) {
  // Positives 3 and 2, negatives 2 and 1: of four pairs three are won and one is tied.
  const std::vector<Scored> rows = {
      {"a", 3, true}, {"b", 2, true}, {"a", 2, false}, {"b", 1, false}};
  EXPECT_DOUBLE_EQ(area_under_curve(rows, 1).value, 3.5 / 4);
  EXPECT_TRUE(area_under_curve(rows, 1).too_few());
}

TEST(Auc, OneSideAloneSaysNothing) {
  const auto auc = area_under_curve(std::vector<Scored>{{"a", 1, true}, {"b", 2, true}}, 1);
  EXPECT_DOUBLE_EQ(auc.value, 0.5);
  EXPECT_DOUBLE_EQ(auc.low, 0);
  EXPECT_DOUBLE_EQ(auc.high, 1);
}

TEST(Auc, IntervalIsWiderWhereAPersonsRowsAreAlike) {
  Random random(5);
  std::vector<Scored> alone;
  std::vector<Scored> alike;
  for (int person = 0; person < 20; ++person) {
    const double leaning = random.normal();
    for (int i = 0; i < 20; ++i) {
      const bool positive = random.chance(0.5);
      const double noise = random.normal() + (positive ? 0.5 : 0);
      alone.push_back({std::to_string(alone.size()), noise, positive});
      const bool liked = leaning > 0;
      alike.push_back({std::to_string(person), noise + leaning, liked});
    }
  }
  const auto narrow = area_under_curve(alone, 1);
  const auto wide = area_under_curve(alike, 1);
  EXPECT_LT(narrow.low, narrow.value);
  EXPECT_GT(narrow.high, narrow.value);
  EXPECT_GT(wide.high - wide.low, narrow.high - narrow.low);
}

}  // namespace
}  // namespace hone::evaluate
