#include "engine/train/loss/kto.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace hone::engine {
namespace {

at::Tensor labels(bool first, bool second) {
  return at::tensor({first ? 1 : 0, second ? 1 : 0}).ne(0);
}

TEST(KtoLoss, StartsAtHalfTheWeight) {
  const at::Tensor losses = kto_losses(at::zeros({2}), labels(true, false), at::zeros({}),
                                       {.desirable_weight = 1.0, .undesirable_weight = 3.0});
  EXPECT_NEAR(losses[0].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(losses[1].item<double>(), 1.5, 1e-6);
}

TEST(KtoLoss, PullsDesirableUpAndUndesirableDown) {
  const at::Tensor ratios = at::zeros({2}).requires_grad_(true);
  kto_losses(ratios, labels(true, false), at::zeros({}), {}).sum().backward();
  EXPECT_LT(ratios.grad()[0].item<double>(), 0.0);
  EXPECT_GT(ratios.grad()[1].item<double>(), 0.0);
}

TEST(KtoPitfall, TheReferencePointCarriesNoGradientAndIsNeverNegative) {
  const at::Tensor ratios = at::tensor({1.0F, 2.0F}).requires_grad_(true);
  const at::Tensor point = kto_reference_point(ratios);
  EXPECT_FALSE(point.requires_grad());
  EXPECT_NEAR(point.item<double>(), 1.5, 1e-6);
  EXPECT_EQ(kto_reference_point(at::tensor({-3.0F, 1.0F})).item<double>(), 0.0);
}

}  // namespace
}  // namespace hone::engine
