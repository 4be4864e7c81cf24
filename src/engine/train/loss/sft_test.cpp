#include "engine/train/loss/sft.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace hone::engine {
namespace {

// 32 sequences of 1 to 12 tokens, one after the other.
struct Ragged {
  at::Tensor logprobs;
  std::vector<std::int64_t> lengths;
};

Ragged ragged() {
  std::vector<std::int64_t> lengths;
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < 32; ++i) {
    lengths.push_back(1 + (i * 5) % 12);
    tokens += lengths.back();
  }
  return {-at::arange(tokens, at::TensorOptions(at::kFloat)).sin().square(), lengths};
}

// The gradient where each micro-batch of one sequence is divided by `items`, or by its own length.
at::Tensor accumulated(const Ragged& ragged, std::optional<double> items) {
  const at::Tensor leaf = ragged.logprobs.detach().clone().requires_grad_(true);
  const at::Tensor ones = at::ones_like(ragged.logprobs);
  std::int64_t first = 0;
  for (const std::int64_t length : ragged.lengths) {
    const double by = items.value_or(32.0 * static_cast<double>(length));
    sft_loss(leaf.narrow(0, first, length), ones.narrow(0, first, length), by, {}).backward();
    first += length;
  }
  return leaf.grad();
}

TEST(SftPitfall, AccumulationDividesByTheTokensOfAllMicroBatches) {
  const Ragged data = ragged();
  const double tokens = static_cast<double>(data.logprobs.size(0));
  const at::Tensor leaf = data.logprobs.detach().clone().requires_grad_(true);
  sft_loss(leaf, at::ones_like(data.logprobs), tokens, {}).backward();
  EXPECT_TRUE(at::allclose(accumulated(data, tokens), leaf.grad(), 1e-6, 0.0));
  // The mean of means, which it must not be.
  EXPECT_FALSE(at::allclose(accumulated(data, std::nullopt), leaf.grad(), 1e-2, 0.0));
}

TEST(SftLoss, DftWeighsByAProbabilityThatCarriesNoGradient) {
  const at::Tensor leaf = at::tensor({-0.5F, -2.0F}).requires_grad_(true);
  sft_loss(leaf, at::ones({2}), 1.0, {SftLoss::kDft}).backward();
  EXPECT_TRUE(at::allclose(leaf.grad(), -leaf.detach().exp(), 1e-6, 0.0));
}

}  // namespace
}  // namespace hone::engine
