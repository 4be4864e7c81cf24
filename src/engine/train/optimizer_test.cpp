// Whole trainings are held against torch's AdamW and transformers' schedule in
// golden/golden_test.cpp.
#include "engine/train/optimizer.h"

#include <gtest/gtest.h>

namespace hone::engine {
namespace {

TEST(Schedule, RisesThenFalls) {
  EXPECT_EQ(learning_rate(Schedule::kCosine, 1.0, 0, 4, 20), 0.0);
  EXPECT_EQ(learning_rate(Schedule::kCosine, 1.0, 4, 4, 20), 1.0);
  EXPECT_NEAR(learning_rate(Schedule::kCosine, 1.0, 12, 4, 20), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(Schedule::kLinear, 1.0, 12, 4, 20), 0.5, 1e-12);
  EXPECT_EQ(learning_rate(Schedule::kConstant, 1.0, 19, 4, 20), 1.0);
  EXPECT_EQ(learning_rate(Schedule::kConstant, 1.0, 0, 0, 1), 1.0);
}

}  // namespace
}  // namespace hone::engine
