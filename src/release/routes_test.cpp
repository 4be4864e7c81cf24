#include "release/routes.h"

#include <set>
#include <thread>
#include <vector>

#include "release/release_test_support.h"

namespace hone::release {
namespace {

using RoutesOf = testing::House;

TEST_F(RoutesOf, WithoutAReleaseEveryoneGetsWhatTheAliasNames) {
  reload();
  const auto routed = routes_.route("assistant", "per_1");
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->upstream, "engine");
  EXPECT_EQ(routed->upstream_model, "base");
  EXPECT_EQ(routed->model, base_.digest);
  EXPECT_EQ(routed->arm, "");
  EXPECT_TRUE(routed->trainable);
  EXPECT_EQ(routes_.route("nobody", "per_1").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(routes_.aliases(), std::vector<std::string>{"assistant"});
}

TEST_F(RoutesOf, AModelOutsideTheRegistryIsAskedForByItsName) {
  ASSERT_TRUE(set_alias(*db_, "hosted", "cloud", "some-model-1", clock_.now()));
  reload();
  const auto routed = routes_.route("hosted", "per_1");
  EXPECT_EQ(routed->upstream_model, "some-model-1");
  EXPECT_EQ(routed->model, "some-model-1");
}

TEST_F(RoutesOf, APersonKeepsTheArmAndItIsWrittenOnceWithItsProbability) {
  evaluated(true);
  const auto release = start({.first_share = 0.5, .holdback = 0.1});
  ASSERT_TRUE(release) << release.error().message;
  reload();
  std::set<std::string> arms;
  for (int round = 0; round < 3; ++round) {
    for (int p = 0; p < 60; ++p) {
      arms.insert(routes_.route("assistant", "per_" + std::to_string(p))->arm);
    }
    ASSERT_TRUE(routes_.flush_assignments(*db_, clock_.now()));
  }
  EXPECT_EQ(arms, (std::set<std::string>{"baseline", "canary", "holdback"}));
  auto rows = db_->query("SELECT person_id, arm, propensity FROM assignment");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->size(), 60U);
  for (const store::Row row : *rows) {
    EXPECT_EQ(routes_.route("assistant", row.text("person_id"))->arm, row.text("arm"));
    EXPECT_NEAR(row.real("propensity"), row.text("arm") == "holdback" ? 0.1 : 0.45, 1e-9);
  }
  // A process that starts anew routes alike and writes nobody again.
  Routes again;
  ASSERT_TRUE(again.reload(*db_));
  for (int p = 0; p < 60; ++p) {
    const std::string person = "per_" + std::to_string(p);
    EXPECT_EQ(again.route("assistant", person)->arm, routes_.route("assistant", person)->arm);
  }
  EXPECT_EQ(*again.flush_assignments(*db_, clock_.now()), 0);
}

TEST_F(RoutesOf, ACallerWithoutANameGetsTheBaselineAndNoArm) {
  evaluated(true);
  ASSERT_TRUE(start({.first_share = 0.7, .shares = {}}));
  reload();
  const auto routed = routes_.route("assistant", "");
  EXPECT_EQ(routed->model, base_.digest);
  EXPECT_EQ(routed->arm, "");
}

TEST_F(RoutesOf, TheHeldBackStayWithTheFirstModelOverReleases) {
  evaluated(true);
  const auto first = start({.holdback = 0.2});
  ASSERT_TRUE(first);
  ASSERT_TRUE(promote(*db_, first->id, "by hand", clock_.now()));
  ASSERT_TRUE(end_release(*db_, first->id, "done", clock_.now()));
  reload();
  int held_back = 0;
  std::set<std::string> names;
  for (int p = 0; p < 200; ++p) {
    const std::string person = "per_" + std::to_string(p);
    const auto routed = routes_.route("assistant", person);
    if (routed->arm == "holdback") {
      ++held_back;
      names.insert(person);
      EXPECT_EQ(routed->model, base_.digest);
    } else {
      EXPECT_EQ(routed->model, adapter_.digest);
    }
  }
  EXPECT_NEAR(held_back, 40, 25);
  // The next release, from the adapter on: the same people, still on the first model.
  const auto second = start_release(
      *db_, ids_, {.alias = "assistant", .candidate = adapter_.digest, .recipe = {.holdback = 0.2}},
      clock_.now());
  ASSERT_TRUE(second) << second.error().message;
  reload();
  for (int p = 0; p < 200; ++p) {
    const std::string person = "per_" + std::to_string(p);
    const auto routed = routes_.route("assistant", person);
    EXPECT_EQ(routed->arm == "holdback", names.contains(person));
    if (routed->arm == "holdback") {
      EXPECT_EQ(routed->model, base_.digest);
    }
  }
}

TEST_F(RoutesOf, ReloadSaysWhetherAnythingChanged) {
  EXPECT_TRUE(*routes_.reload(*db_));
  EXPECT_FALSE(*routes_.reload(*db_));
  evaluated(true);
  ASSERT_TRUE(start());
  EXPECT_TRUE(*routes_.reload(*db_));
}

TEST_F(RoutesOf, AnswersWhileItReloads) {
  evaluated(true);
  ASSERT_TRUE(start());
  reload();
  std::atomic<bool> stop = false;
  std::vector<std::jthread> callers;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      const std::string person = "per_" + std::to_string(t);
      const auto arm = routes_.route("assistant", person)->arm;
      while (!stop) {
        auto routed = routes_.route("assistant", person);
        if (!routed || routed->arm != arm) ++wrong;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(routes_.reload(*db_));
    ASSERT_TRUE(routes_.flush_assignments(*db_, clock_.now()));
  }
  stop = true;
  callers.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace hone::release
