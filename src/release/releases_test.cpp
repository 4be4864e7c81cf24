#include "release/releases.h"

#include "release/release_test_support.h"

namespace hone::release {
namespace {

class Releases : public testing::House {
 protected:
  // Every person calls `calls` times and accepts with the arm's chance; a look after every verdict.
  // Returns the looks that did something.
  std::vector<Look> work(const std::string& id, int people, int calls, double baseline,
                         double canary) {
    std::vector<Look> looks;
    for (int i = 0; i < calls; ++i) {
      for (int p = 0; p < people; ++p) {
        const std::string person = "per_" + std::to_string(p);
        const auto arm = routes_.route("assistant", person)->arm;
        const bool accepts = chance_.chance(arm == "canary" ? canary : baseline);
        call(person, accepts ? "accepted" : "modified");
        auto seen = look(*db_, id, clock_.now());
        EXPECT_TRUE(seen) << seen.error().message;
        if (!seen->happened.empty()) {
          looks.push_back(*seen);
          clock_.advance(testing::seconds(1));
          reload();
        }
        if (seen->state == "rolled_back") return looks;
      }
    }
    return looks;
  }

  std::vector<std::string> event_kinds(const std::string& id) {
    std::vector<std::string> kinds;
    const auto status = release_status(*db_, id);
    for (const auto& event : status->events) {
      if (event.kind != "look") kinds.push_back(event.kind);
    }
    return kinds;
  }

  Random chance_{11};
};

TEST_F(Releases, NothingStartsWithoutAPassedEvaluationOfExactlyThesePair) {
  EXPECT_EQ(start().error().code, ErrorCode::kDenied);
  evaluated(false);
  const auto stopped = start();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kDenied);
  EXPECT_NE(stopped.error().message.find("answers were mixed"), std::string::npos);
  evaluated(true);
  EXPECT_TRUE(start());
}

TEST_F(Releases, AnEvaluationAgainstAnotherBaselineDoesNotCount) {
  evaluated(true);
  const auto other = make_base("second", "second weights");
  ASSERT_TRUE(set_alias(*db_, "assistant", "engine", other.digest, clock_.now()));
  EXPECT_EQ(start().error().code, ErrorCode::kDenied);
}

TEST_F(Releases, ABetterModelGrowsAndIsPromotedWithinADay) {
  evaluated(true);
  const auto release = start();
  ASSERT_TRUE(release);
  reload();
  const auto looks = work(release->id, 40, 8, 0.2, 0.8);
  ASSERT_EQ(looks.size(), 2U);
  EXPECT_EQ(looks[0].happened, "grown");
  EXPECT_NEAR(looks[0].share, 0.7, 1e-9);
  EXPECT_EQ(looks[1].happened, "promoted");
  EXPECT_EQ(serving(), adapter_.digest);
  EXPECT_EQ(event_kinds(release->id), (std::vector<std::string>{"started", "grown", "promoted"}));
  // The reserve is still on the baseline, as the arm of the same release.
  const auto status = release_status(*db_, release->id);
  ASSERT_EQ(status->arms.size(), 2U);
  int baseline = 0;
  for (int p = 0; p < 400; ++p) {
    const auto routed = routes_.route("assistant", "later_" + std::to_string(p));
    if (routed->arm != "baseline") continue;
    ++baseline;
    EXPECT_EQ(routed->model, base_.digest);
  }
  EXPECT_NEAR(baseline, 120, 45);
  ASSERT_TRUE(end_release(*db_, release->id, "evening", clock_.now()));
  reload();
  for (int p = 0; p < 100; ++p) {
    const auto routed = routes_.route("assistant", "later_" + std::to_string(p));
    EXPECT_EQ(routed->model, adapter_.digest);
    EXPECT_EQ(routed->arm, "");
  }
}

TEST_F(Releases, AWorseModelIsRolledBackWithinADay) {
  evaluated(true);
  const auto release = start();
  reload();
  const auto looks = work(release->id, 40, 8, 0.3, 0.03);
  ASSERT_EQ(looks.size(), 1U);
  EXPECT_EQ(looks[0].happened, "rolled_back");
  EXPECT_EQ(serving(), base_.digest);
  EXPECT_EQ(routes_.route("assistant", "per_1")->model, base_.digest);
  EXPECT_EQ(routes_.route("assistant", "per_1")->arm, "");
}

TEST_F(Releases, AModelAgainstItselfIsNeverPromoted) {
  const auto release = start_release(
      *db_, ids_, {.alias = "assistant", .candidate = base_.digest, .salt = "s"}, clock_.now());
  ASSERT_TRUE(release) << release.error().message;
  reload();
  // Even where chance makes the arms as different as can be.
  work(release->id, 40, 3, 0.05, 0.95);
  EXPECT_EQ(find_release(*db_, release->id)->state, "canary");
  EXPECT_EQ(event_kinds(release->id), (std::vector<std::string>{"started", "false_alarm"}));
  EXPECT_EQ(promote(*db_, release->id, "by hand", clock_.now()).error().code, ErrorCode::kConflict);
}

TEST_F(Releases, AGrownShareWaitsForPeopleBeforeItIsPromoted) {
  evaluated(true);
  const auto release = start();
  reload();
  for (int p = 0; p < 40; ++p) {
    const std::string person = "per_" + std::to_string(p);
    for (int i = 0; i < 3; ++i) {
      call(person, routes_.route("assistant", person)->arm == "canary" ? "accepted" : "rejected");
    }
  }
  EXPECT_EQ(look(*db_, release->id, clock_.now())->happened, "grown");
  clock_.advance(testing::seconds(1));
  EXPECT_EQ(look(*db_, release->id, clock_.now())->happened, "");
  EXPECT_EQ(find_release(*db_, release->id)->state, "canary");
}

TEST_F(Releases, HarmAfterPromotionStillRollsBack) {
  evaluated(true);
  const auto release = start();
  ASSERT_TRUE(promote(*db_, release->id, "by hand", clock_.now()));
  clock_.advance(testing::seconds(1));
  reload();
  EXPECT_EQ(serving(), adapter_.digest);
  const auto looks = work(release->id, 40, 10, 0.6, 0.1);
  ASSERT_EQ(looks.size(), 1U);
  EXPECT_EQ(looks[0].happened, "rolled_back");
  EXPECT_EQ(serving(), base_.digest);
}

TEST_F(Releases, AnErringCanaryIsRolledBackWithoutAnyVerdict) {
  evaluated(true);
  const auto release = start();
  reload();
  Look last;
  for (int i = 0; i < 10 && last.happened.empty(); ++i) {
    for (int p = 0; p < 40; ++p) {
      const std::string person = "per_" + std::to_string(p);
      const bool canary = routes_.route("assistant", person)->arm == "canary";
      call(person, "", canary && i % 2 == 0 ? 502 : 200);
    }
    last = *look(*db_, release->id, clock_.now());
  }
  EXPECT_EQ(last.happened, "rolled_back");
  EXPECT_NE(last.reason.find("errors"), std::string::npos);
}

TEST_F(Releases, ASlowCanaryIsRolledBackAndAnEquallySlowOneIsNot) {
  evaluated(true);
  const auto release = start();
  reload();
  for (int i = 0; i < 4; ++i) {
    for (int p = 0; p < 40; ++p) call("per_" + std::to_string(p), "", 200, 700 + 40 * p);
  }
  EXPECT_EQ(look(*db_, release->id, clock_.now())->happened, "");
  for (int i = 0; i < 8; ++i) {
    for (int p = 0; p < 40; ++p) {
      const std::string person = "per_" + std::to_string(p);
      const bool canary = routes_.route("assistant", person)->arm == "canary";
      call(person, "", 200, (canary ? 12'000 : 700) + 40 * p);
    }
  }
  const auto seen = look(*db_, release->id, clock_.now());
  EXPECT_EQ(seen->happened, "rolled_back");
  EXPECT_NE(seen->reason.find("latency"), std::string::npos);
}

TEST_F(Releases, OneReleaseOfAnAliasAtATime) {
  evaluated(true);
  const auto first = start();
  ASSERT_TRUE(first);
  EXPECT_EQ(start().error().code, ErrorCode::kConflict);
  EXPECT_EQ(set_alias(*db_, "assistant", "engine", adapter_.digest, clock_.now()).error().code,
            ErrorCode::kConflict);
  ASSERT_TRUE(promote(*db_, first->id, "by hand", clock_.now()));
  // What was promoted makes room: the next release's baseline is the candidate of this one.
  const auto next = start();
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->baseline, adapter_.digest);
  EXPECT_EQ(find_release(*db_, first->id)->state, "ended");
  EXPECT_EQ(running_release(*db_, "assistant")->value().id, next->id);
}

TEST_F(Releases, WhatWasPromotedAndEndedCanStillBeUndone) {
  evaluated(true);
  const auto release = start();
  ASSERT_TRUE(promote(*db_, release->id, "by hand", clock_.now()));
  ASSERT_TRUE(end_release(*db_, release->id, "done", clock_.now()));
  EXPECT_EQ(serving(), adapter_.digest);
  ASSERT_TRUE(roll_back(*db_, release->id, "complaints", clock_.now()));
  EXPECT_EQ(serving(), base_.digest);
  EXPECT_EQ(find_release(*db_, release->id)->state, "rolled_back");
  EXPECT_EQ(end_release(*db_, release->id, "again", clock_.now()).error().code,
            ErrorCode::kConflict);
}

TEST_F(Releases, ContestedVerdictsAndUnknownCallersCountForNothing) {
  evaluated(true);
  const auto release = start();
  reload();
  for (int p = 0; p < 30; ++p) call("per_" + std::to_string(p), "contested");
  call("", "accepted");
  const auto status = release_status(*db_, release->id);
  EXPECT_EQ(status->test.outcomes, 0);
  std::int64_t contested = 0;
  for (const auto& arm : status->arms) contested += arm.contested;
  EXPECT_EQ(contested, 30);
}

TEST_F(Releases, RefusesRecipesThatCannotWork) {
  evaluated(true);
  EXPECT_EQ(start({.first_share = 0.5, .shares = {0.9}, .reserve = 0.3}).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(start({.first_share = 0.5, .shares = {0.4}}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(start({.first_share = 0}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(look(*db_, "rel_none", clock_.now()).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hone::release
