#include "engine/train/loss/grpo.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <optional>

namespace hone::engine {
namespace {

// Three tokens of a good answer, two of a bad one.
GrpoTokens two_answers(const at::Tensor& logprobs) {
  GrpoTokens tokens;
  tokens.logprobs = logprobs;
  tokens.sequence = at::tensor({0, 0, 0, 1, 1}, at::TensorOptions(at::kLong));
  tokens.advantages = at::tensor({1.5F, -0.5F});
  return tokens;
}

at::Tensor some_logprobs() {
  return at::tensor({-0.1F, -2.0F, -0.7F, -1.0F, -3.0F});
}

TEST(GrpoLoss, OnPolicyItsGradientIsThatOfReinforce) {
  const at::Tensor advantage = at::tensor({1.5F, 1.5F, 1.5F, -0.5F, -0.5F});
  const at::Tensor per_answer = at::tensor({6.0F, 6.0F, 6.0F, 4.0F, 4.0F});
  const std::array expected = {std::pair(GrpoLoss::kDapo, -advantage / 50.0),
                               std::pair(GrpoLoss::kBnpo, -advantage / 5.0),
                               std::pair(GrpoLoss::kGrpo, -advantage / per_answer),
                               std::pair(GrpoLoss::kDrGrpo, -advantage / 32.0)};
  for (const auto& [loss, want] : expected) {
    const at::Tensor leaf = some_logprobs().requires_grad_(true);
    const GrpoTokens tokens = two_answers(leaf);
    const GrpoOptions options{.loss = loss, .max_completion_length = 16};
    grpo_loss(grpo_terms(tokens, options), tokens, 50.0, options).backward();
    EXPECT_TRUE(at::allclose(leaf.grad(), want, 1e-5, 1e-7)) << static_cast<int>(loss);
  }
}

TEST(GrpoLoss, ClippedTokensHaveNoGradient) {
  const at::Tensor leaf = some_logprobs().requires_grad_(true);
  GrpoTokens tokens = two_answers(leaf);
  // Ratios e, 1, 1/e of the good answer; e, 1/e of the bad one.
  tokens.old_logprobs = some_logprobs() + at::tensor({-1.0F, 0.0F, 1.0F, -1.0F, 1.0F});
  const GrpoOptions options;
  const GrpoTerms terms = grpo_terms(tokens, options);
  terms.losses.sum().backward();
  const at::Tensor moved = leaf.grad().ne(0.0);
  EXPECT_TRUE(moved.equal(at::tensor({0, 1, 1, 1, 0}).ne(0))) << leaf.grad();
  const GrpoMetrics metrics = grpo_metrics(terms, tokens, options);
  EXPECT_NEAR(metrics.high_mean, 0.2, 1e-6);
  EXPECT_NEAR(metrics.low_mean, 0.2, 1e-6);
  EXPECT_NEAR(metrics.region_mean, 0.4, 1e-6);
  EXPECT_NEAR(metrics.high_max, 1.0 / 3.0, 1e-6);
  EXPECT_EQ(metrics.low_min, 0.0);
}

TEST(GrpoLoss, DeltaBoundsWhatABadAnswerThatBecameFrequentCosts) {
  const auto loss_of = [](std::optional<double> delta) {
    GrpoTokens tokens;
    tokens.logprobs = at::zeros({1});
    tokens.old_logprobs = at::full({1}, -std::log(4.0F));
    tokens.sequence = at::zeros({1}, at::TensorOptions(at::kLong));
    tokens.advantages = at::full({1}, -1.0F);
    return grpo_terms(tokens, {.delta = delta}).losses.item<double>();
  };
  EXPECT_NEAR(loss_of(std::nullopt), 4.0, 1e-5);
  EXPECT_NEAR(loss_of(1.5), 1.5, 1e-5);
}

TEST(GrpoLoss, SequenceRatiosAreOneAnAnswer) {
  GrpoTokens tokens = two_answers(some_logprobs());
  tokens.old_logprobs = some_logprobs() - at::tensor({0.3F, 0.0F, 0.0F, 0.2F, 0.2F});
  const at::Tensor ratio = grpo_terms(tokens, {.sequence_ratios = true}).ratio;
  const double first = std::exp(0.1);
  const double second = std::exp(0.2);
  const at::Tensor want = at::tensor({first, first, first, second, second}).to(at::kFloat);
  EXPECT_TRUE(at::allclose(ratio, want, 1e-5, 0.0)) << ratio;
}

TEST(GrpoLoss, KlIsNeverNegativeAndZeroAtTheReference) {
  GrpoTokens tokens = two_answers(some_logprobs());
  tokens.reference_logprobs = some_logprobs();
  EXPECT_TRUE(grpo_terms(tokens, {.beta = 0.1}).kl.eq(0.0).all().item<bool>());
  tokens.reference_logprobs = some_logprobs() + at::tensor({1.0F, -1.0F, 0.5F, -0.5F, 2.0F});
  EXPECT_TRUE(grpo_terms(tokens, {.beta = 0.1}).kl.gt(0.0).all().item<bool>());
}

TEST(GroupAdvantages, HaveNoMeanAndUnitSpreadInEachGroup) {
  const at::Tensor rewards = at::tensor({1.0F, 0.0F, 0.5F, 3.0F, 7.0F, 8.0F});
  const at::Tensor scaled = group_advantages(rewards, 3, RewardScale::kGroup).view({2, 3});
  EXPECT_TRUE(scaled.sum(1).abs().lt(1e-5).all().item<bool>());
  const at::Tensor spread = (scaled.square().sum(1) / 2.0).sqrt();  // Bessel's n - 1
  EXPECT_TRUE(at::allclose(spread, at::ones({2}), 1e-3, 0.0)) << spread;
  const at::Tensor plain = group_advantages(rewards, 3, RewardScale::kNone);
  EXPECT_TRUE(at::allclose(plain, at::tensor({0.5F, -0.5F, 0.0F, -3.0F, 1.0F, 2.0F})));
}

TEST(GroupAdvantages, OfEqualRewardsAreZeroAndFinite) {
  for (const RewardScale scale : {RewardScale::kGroup, RewardScale::kBatch, RewardScale::kNone}) {
    const at::Tensor advantages = group_advantages(at::ones({4}), 2, scale);
    EXPECT_TRUE(advantages.eq(0.0).all().item<bool>());
  }
}

}  // namespace
}  // namespace hone::engine
