#include "engine/serve/sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace hone::engine {
namespace {

std::map<std::int64_t, int> draws(const at::Tensor& logits, double temperature, double top_p,
                                  int count) {
  Random random(11);
  std::map<std::int64_t, int> seen;
  for (int i = 0; i < count; ++i) ++seen[choose(logits, temperature, top_p, random).id];
  return seen;
}

TEST(Sampler, IsGreedyAtTemperatureZero) {
  const at::Tensor logits = at::tensor({0.5F, 2.0F, 2.0F, -1.0F});
  Random random(1);
  EXPECT_EQ(choose(logits, 0, 1, random).id, 1);  // the first of equals
}

TEST(Sampler, DrawsAsOftenAsTheSoftmaxSays) {
  const at::Tensor logits = at::tensor({0.0F, 1.0F, 2.0F});
  const auto seen = draws(logits, 2.0, 1, 20000);
  double total = 0;
  for (int i = 0; i < 3; ++i) total += std::exp(i / 2.0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(seen.at(i) / 20000.0, std::exp(i / 2.0) / total, 0.015) << i;
  }
}

TEST(Sampler, KeepsTheSmallestSetThatReachesTopP) {
  const at::Tensor logits = at::log(at::tensor({0.5F, 0.3F, 0.15F, 0.05F}));
  EXPECT_EQ(draws(logits, 1, 0.79, 2000).size(), 2U);
  EXPECT_EQ(draws(logits, 1, 0.49, 2000).size(), 1U);
  EXPECT_EQ(draws(logits, 1, 0.0, 2000).size(), 1U);
  EXPECT_EQ(draws(logits, 1, 1.0, 2000).size(), 4U);
  EXPECT_EQ(draws(at::zeros({1000}), 1, 0.9, 20000).size(), 900U);  // beyond the first candidates
}

TEST(Sampler, ChoosesAmongWhatIsAllowed) {
  const at::Tensor logits = at::log(at::tensor({0.5F, 0.3F, 0.15F, 0.05F}));
  TokenMask allowed(3);  // the model has more rows than the tokenizer has tokens
  EXPECT_TRUE(allowed.none());
  Random random(4);
  EXPECT_EQ(choose_among(allowed, logits, 0, 1, random).id, -1);
  allowed.set(1);
  allowed.set(2);
  EXPECT_EQ(choose_among(allowed, logits, 0, 1, random).id, 1);
  std::map<std::int64_t, int> seen;
  for (int i = 0; i < 6000; ++i) ++seen[choose_among(allowed, logits, 1, 1, random).id];
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_NEAR(seen[1] / 6000.0, 2.0 / 3.0, 0.03);
  EXPECT_EQ(choose_among(allowed, logits, 1, 0.5, random).id, 1);
  const at::Tensor broken = at::tensor({0.0F, std::nanf(""), 0.0F, 0.0F});
  EXPECT_FALSE(std::isfinite(choose_among(allowed, broken, 0, 1, random).logit));
}

TEST(Sampler, TellsThatTheModelBrokeDown) {
  const float nan = std::nanf("");
  Random random(1);
  EXPECT_FALSE(std::isfinite(choose(at::tensor({0.0F, nan, 1.0F}), 0, 1, random).logit));
  EXPECT_FALSE(std::isfinite(choose(at::tensor({nan, 0.0F}), 1, 0.5, random).logit));
}

TEST(Sampler, ReportsTheModelsOwnLogprobs) {
  const at::Tensor logits = at::log(at::tensor({0.5F, 0.3F, 0.2F})).unsqueeze(0);
  const auto entries = logprobs_of(logits, {2}, 2);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_NEAR(entries[0].logprob, std::log(0.2), 1e-6);
  EXPECT_EQ(entries[0].rank, 3);
  ASSERT_EQ(entries[0].likeliest.size(), 2U);
  EXPECT_EQ(entries[0].likeliest[0].id, 0);
  EXPECT_NEAR(entries[0].likeliest[1].logprob, std::log(0.3), 1e-6);
}

}  // namespace
}  // namespace hone::engine
