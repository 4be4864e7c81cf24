// ORPO, SimPO and the reward model: known values, and the corners where they break.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/train/loss/orpo.h"
#include "engine/train/loss/reward.h"
#include "engine/train/loss/simpo.h"

namespace hone::engine {
namespace {

at::Tensor full(double value) {
  return at::full({2}, value, at::TensorOptions(at::kFloat));
}

TEST(OrpoLoss, IsLogTwoWhereTheOddsAreEqual) {
  const at::Tensor losses = orpo_losses(full(-1.3), full(-1.3), {.beta = 0.5});
  EXPECT_NEAR(losses[0].item<double>(), 0.5 * std::log(2.0), 1e-6);
}

TEST(OrpoLoss, ComparesOddsAndNotProbabilities) {
  const at::Tensor ratio = log_odds_ratio(full(std::log(0.9)), full(std::log(0.6)));
  EXPECT_NEAR(ratio[0].item<double>(), std::log(9.0 / 1.5), 1e-5);
}

TEST(OrpoLoss, AnAnswerThatIsCertainStaysFinite) {
  const at::Tensor certain = full(0.0).requires_grad_(true);
  const at::Tensor hopeless = full(-80.0).requires_grad_(true);
  const at::Tensor loss = orpo_losses(hopeless, certain, {.beta = 0.1}).sum();
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  loss.backward();
  EXPECT_TRUE(certain.grad().isfinite().all().item<bool>());
  EXPECT_TRUE(hopeless.grad().isfinite().all().item<bool>());
}

TEST(SimpoLoss, AsksForAMarginWhereAnswersAreEqual) {
  const at::Tensor losses = simpo_losses(full(-2.0), full(-2.0), {.gamma = 1.375});
  EXPECT_NEAR(losses[0].item<double>(), std::log1p(std::exp(1.375)), 1e-6);
  // With the margin reached exactly it is log 2, whatever the smoothing.
  const SimpoOptions smooth{.beta = 2.0, .gamma = 1.0, .label_smoothing = 0.3};
  EXPECT_NEAR(simpo_losses(full(-1.5), full(-2.0), smooth)[0].item<double>(), std::log(2.0), 1e-6);
}

TEST(RewardLoss, OnlyDifferencesCountWithoutCentring) {
  const auto loss = [](double shift, double centring) {
    return reward_losses(full(1.0 + shift), full(0.25 + shift), {}, {.centring = centring})[0]
        .item<double>();
  };
  EXPECT_NEAR(loss(0.0, 0.0), loss(5.0, 0.0), 1e-5);
  EXPECT_NEAR(loss(5.0, 0.01) - loss(5.0, 0.0), 0.01 * 11.25 * 11.25, 1e-4);
}

TEST(RewardLoss, AMarginAsksForMore) {
  const at::Tensor margin = full(2.0);
  const at::Tensor losses = reward_losses(full(0.5), full(0.5), margin, {});
  EXPECT_NEAR(losses[0].item<double>(), std::log1p(std::exp(2.0)), 1e-6);
  EXPECT_NEAR(reward_losses(full(0.5), full(0.5), {}, {})[0].item<double>(), std::log(2.0), 1e-6);
}

}  // namespace
}  // namespace hone::engine
