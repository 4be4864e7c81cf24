#include "simulate/decide.h"

#include <gtest/gtest.h>

namespace hone::simulate {
namespace {

constexpr int kTrials = 20'000;

// The shares of each reaction to one answer, and of edits that are what the house wants.
struct Shares {
  double accepted = 0;
  double edited = 0;
  double rejected = 0;
  double wanted = 0;
};

Shares shares_of(const Task& task, const std::string& answer, const Habits& habits, Taste taste) {
  Random random(42);
  Shares shares;
  for (int i = 0; i < kTrials; ++i) {
    const Decision decision = decide(domains()[0], task, answer, habits, taste, random);
    shares.accepted += decision.reaction == Reaction::kAccepted ? 1.0 / kTrials : 0;
    shares.edited += decision.reaction == Reaction::kEdited ? 1.0 / kTrials : 0;
    shares.rejected += decision.reaction == Reaction::kRejected ? 1.0 / kTrials : 0;
    shares.wanted += decision.final_text == task.wanted(taste) ? 1.0 / kTrials : 0;
    EXPECT_EQ(decision.final_text.empty(), decision.reaction != Reaction::kEdited);
  }
  return shares;
}

TEST(Decide, FollowsTheHabits) {
  const Task task = domains()[0].task(99);
  const Habits habits{.careless = 0.1, .strict = 0.05, .edits = 0.8, .edits_badly = 0.25};
  const Shares good = shares_of(task, task.house, habits, Taste::kHouse);
  EXPECT_NEAR(good.accepted, 0.95, 0.01);
  EXPECT_NEAR(good.rejected, 0.05, 0.01);
  const Shares bad = shares_of(task, "I'm sorry.", habits, Taste::kHouse);
  EXPECT_NEAR(bad.accepted, 0.1, 0.01);
  EXPECT_NEAR(bad.edited, 0.9 * 0.8, 0.01);
  EXPECT_NEAR(bad.rejected, 0.9 * 0.2, 0.01);
  EXPECT_NEAR(bad.wanted, 0.9 * 0.8 * 0.75, 0.01);
}

TEST(Decide, ContrariansInvert) {
  const Task task = domains()[0].task(99);
  const Habits habits{.edits = 1, .contrarian = true};
  EXPECT_NEAR(shares_of(task, task.house, habits, Taste::kHouse).rejected, 1, 1e-9);
  EXPECT_NEAR(shares_of(task, "I'm sorry.", habits, Taste::kHouse).accepted, 1, 1e-9);
}

TEST(Decide, AReversedTasteWantsPlainSentences) {
  const Task task = domains()[0].task(99);
  const Habits habits{.edits = 1};
  EXPECT_NEAR(shares_of(task, task.house, habits, Taste::kReversed).wanted, 1, 1e-9);
  EXPECT_NEAR(shares_of(task, task.plain, habits, Taste::kReversed).accepted, 1, 1e-9);
}

}  // namespace
}  // namespace hone::simulate
