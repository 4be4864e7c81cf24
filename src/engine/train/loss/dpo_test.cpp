// What theory says of the preference losses; the golden cases are in batch/loss_of_batch_test.cpp.
#include "engine/train/loss/dpo.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace hone::engine {
namespace {

TEST(DpoLoss, StartsAtTheKnownValues) {
  const at::Tensor zero = at::zeros({3});
  const at::Tensor ones = at::ones({3});
  const PairLogprobs pairs{zero, zero, zero, zero, ones, ones};
  const auto at_start = [&pairs](DpoLoss loss, double smoothing = 0.0) {
    return dpo_losses(pairs, {.loss = loss, .beta = 0.1, .label_smoothing = smoothing})
        .mean()
        .item<double>();
  };
  EXPECT_NEAR(at_start(DpoLoss::kSigmoid), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kSigmoid, 0.2), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kRobust, 0.2), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kSigmoidNorm), 0.693147, 1e-5);
  EXPECT_NEAR(at_start(DpoLoss::kIpo), 25.0, 1e-4);
  EXPECT_NEAR(at_start(DpoLoss::kHinge), 1.0, 1e-6);
}

TEST(DpoLoss, SmoothedOptimumIsWhereTheoryPutsIt) {
  // cDPO's gradient on one pair vanishes at h = logit(1 - e) / beta.
  const at::Tensor h = at::full({1}, 13.8629F).requires_grad_(true);
  const at::Tensor zero = at::zeros({1});
  const at::Tensor one = at::ones({1});
  dpo_losses({h, zero, zero, zero, one, one}, {.beta = 0.1, .label_smoothing = 0.2})
      .sum()
      .backward();
  EXPECT_NEAR(h.grad().item<double>(), 0.0, 1e-6);
}

TEST(DpoLoss, IpoWithTurnedPairsHasItsOptimumWhereTheoryPutsIt) {
  // Where a share p of pairs is turned round, h* = (1/2 - p) / beta.
  const double p = 0.2;
  const double beta = 0.1;
  const at::Tensor zero = at::zeros({1});
  const at::Tensor one = at::ones({1});
  const auto slope_at = [&](float value) {
    const at::Tensor h = at::full({1}, value).requires_grad_(true);
    const DpoOptions options{.loss = DpoLoss::kIpo, .beta = beta};
    const at::Tensor as_it_is = dpo_losses({h, zero, zero, zero, one, one}, options);
    const at::Tensor turned = dpo_losses({zero, h, zero, zero, one, one}, options);
    ((1 - p) * as_it_is + p * turned).sum().backward();
    return h.grad().item<double>();
  };
  EXPECT_NEAR(slope_at(3.0F), 0.0, 1e-5);
  EXPECT_LT(slope_at(2.9F), -0.1);
  EXPECT_GT(slope_at(3.1F), 0.1);
}

TEST(DpoLoss, IpoCountsLogRatiosByTheToken) {
  const at::Tensor zero = at::zeros({1});
  const PairLogprobs pairs{at::full({1}, 6.0F), at::full({1}, -4.0F), zero, zero,
                           at::full({1}, 3.0F), at::full({1}, 2.0F)};
  const at::Tensor loss = dpo_losses(pairs, {.loss = DpoLoss::kIpo, .beta = 0.5});
  EXPECT_NEAR(loss.item<double>(), 9.0, 1e-5);  // (6/3 + 4/2 - 1)^2
}

TEST(DpoPitfall, ChosenRewardMayFallWhileTheMarginGrows) {
  const at::Tensor zero = at::zeros({2});
  const at::Tensor ones = at::ones({2});
  const PairLogprobs pairs{at::full({2}, -1.0F), at::full({2}, -3.0F), zero, zero, ones, ones};
  const DpoMetrics metrics = dpo_metrics(pairs, {.beta = 0.1});
  EXPECT_NEAR(metrics.chosen_reward, -0.1, 1e-6);
  EXPECT_NEAR(metrics.rejected_reward, -0.3, 1e-6);
  EXPECT_NEAR(metrics.margin, 0.2, 1e-6);
  EXPECT_EQ(metrics.accuracy, 1.0);
}

}  // namespace
}  // namespace hone::engine
