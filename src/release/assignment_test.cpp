#include "release/assignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace hone::release {
namespace {

std::string person(int number) {
  return "per_" + std::to_string(number);
}

TEST(Assignment, IsStickyAndGrowsFromBaselineToCanaryOnly) {
  for (int i = 0; i < 2000; ++i) {
    Arm before = Arm::kBaseline;
    for (const double share : {0.0, 0.05, 0.3, 0.7, 1.0}) {
      const Split split{"holdback", "release", share, 0};
      const Arm arm = assign(split, person(i)).arm;
      EXPECT_EQ(arm, assign(split, person(i)).arm);
      if (before == Arm::kCanary) {
        EXPECT_EQ(arm, Arm::kCanary);
      }
      before = arm;
    }
    EXPECT_EQ(before, Arm::kCanary);
  }
}

TEST(Assignment, SharesAndPropensitiesAreThoseAskedFor) {
  std::map<Arm, int> counts;
  constexpr int kPeople = 20'000;
  const Split split{"holdback", "release", 0.3, 0.1};
  for (int i = 0; i < kPeople; ++i) {
    const auto assigned = assign(split, person(i));
    ++counts[assigned.arm];
    const double wanted = assigned.arm == Arm::kHoldback ? 0.1
                          : assigned.arm == Arm::kCanary ? 0.27
                                                         : 0.63;
    EXPECT_NEAR(assigned.propensity, wanted, 1e-12);
  }
  for (const auto& [arm, share] : {std::pair(Arm::kHoldback, 0.1), std::pair(Arm::kCanary, 0.27),
                                   std::pair(Arm::kBaseline, 0.63)}) {
    EXPECT_NEAR(counts[arm], share * kPeople, 4 * std::sqrt(kPeople * share * (1 - share)));
  }
}

TEST(Assignment, HoldbackPeopleStayTheSameOverReleases) {
  for (int i = 0; i < 500; ++i) {
    const bool first = assign({"alias", "release one", 0.5, 0.1}, person(i)).arm == Arm::kHoldback;
    const bool second = assign({"alias", "release two", 0.9, 0.1}, person(i)).arm == Arm::kHoldback;
    EXPECT_EQ(first, second);
  }
}

TEST(Assignment, AnotherReleaseDrawsIndependently) {
  int both = 0;
  constexpr int kPeople = 10'000;
  for (int i = 0; i < kPeople; ++i) {
    const bool first = assign({"a", "one", 0.5, 0}, person(i)).arm == Arm::kCanary;
    const bool second = assign({"a", "two", 0.5, 0}, person(i)).arm == Arm::kCanary;
    both += first && second ? 1 : 0;
  }
  EXPECT_NEAR(both, kPeople / 4.0, 200);
}

}  // namespace
}  // namespace hone::release
