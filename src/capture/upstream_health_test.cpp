#include "capture/upstream_health.h"

#include <gtest/gtest.h>

namespace hone::capture {
namespace {

using namespace std::chrono_literals;

constexpr HealthPolicy kPolicy{.failures = 3, .window = 10s, .rest = 5s};

class HealthTest : public ::testing::Test {
 protected:
  void fail_times(int times) {
    for (int i = 0; i < times; ++i) changed_ = health_.failed(now_);
  }
  UpstreamHealth health_{kPolicy};
  Time now_ = from_millis(1'000'000);
  bool changed_ = false;
};

TEST_F(HealthTest, RestsAfterFailuresInARow) {
  fail_times(2);
  EXPECT_TRUE(health_.usable(now_));
  EXPECT_FALSE(changed_);
  fail_times(1);
  EXPECT_TRUE(changed_) << "said once";
  EXPECT_FALSE(health_.usable(now_));
  EXPECT_FALSE(health_.claim(now_));
  fail_times(1);
  EXPECT_FALSE(changed_);
}

TEST_F(HealthTest, ASuccessBetweenThemForgivesThem) {
  for (int i = 0; i < 10; ++i) {
    fail_times(2);
    EXPECT_FALSE(health_.succeeded()) << "it was never away";
  }
  EXPECT_TRUE(health_.usable(now_));
}

TEST_F(HealthTest, OldFailuresAreForgotten) {
  fail_times(2);
  now_ += kPolicy.window + 1ms;
  fail_times(2);
  EXPECT_TRUE(health_.usable(now_));
  fail_times(1);
  EXPECT_FALSE(health_.usable(now_));
}

TEST_F(HealthTest, OneCallFindsOutWhetherItIsBack) {
  fail_times(3);
  now_ += kPolicy.rest;
  EXPECT_TRUE(health_.usable(now_));
  EXPECT_TRUE(health_.claim(now_));
  EXPECT_FALSE(health_.claim(now_)) << "one is enough";
  EXPECT_FALSE(health_.usable(now_));
  fail_times(1);  // it is not
  EXPECT_FALSE(health_.claim(now_));
  now_ += kPolicy.rest;
  EXPECT_TRUE(health_.claim(now_));
  EXPECT_TRUE(health_.succeeded());
  EXPECT_TRUE(health_.claim(now_));
  EXPECT_TRUE(health_.claim(now_)) << "well again, for all";
}

TEST_F(HealthTest, AProbeThatNeverReportsIsFollowedByAnother) {
  fail_times(3);
  now_ += kPolicy.rest;
  EXPECT_TRUE(health_.claim(now_));
  now_ += kPolicy.rest;
  EXPECT_TRUE(health_.claim(now_));
}

}  // namespace
}  // namespace hone::capture
