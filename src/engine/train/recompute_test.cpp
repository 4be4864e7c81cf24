// Activation checkpointing: what is computed again gives the gradients of the plain computation.
#include "engine/model/recompute.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <atomic>

#include "engine/train/memory.h"
#include "engine/train/policy.h"
#include "engine/train/tiny_model_support.h"
#include "engine/train/train.h"

namespace hone::engine {
namespace {

TEST(Recomputed, RunsOnceForwardAndOnceBackward) {
  int runs = 0;
  const at::Tensor w = at::full({3}, 2.0F).requires_grad_(true);
  const at::Tensor frozen = at::full({3}, 5.0F);
  const ForwardStep step = [&](const at::Tensor& x) {
    ++runs;
    return x * w + frozen * x * x;
  };
  const at::Tensor input = at::arange(3, at::TensorOptions(at::kFloat)).requires_grad_(true);
  const at::Tensor y = recomputed(step, input * 1.0, {w, frozen, at::Tensor()});
  EXPECT_EQ(runs, 1);
  y.sum().backward();
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(w.grad().equal(at::tensor({0.0F, 1.0F, 2.0F})));
  EXPECT_TRUE(input.grad().equal(at::tensor({2.0F, 12.0F, 22.0F})));
  EXPECT_FALSE(frozen.grad().defined());
  // An input that wants no gradient, as the first layer's under an adapter.
  const at::Tensor plain = at::arange(3, at::TensorOptions(at::kFloat));
  recomputed(step, plain, {w}).sum().backward();
  EXPECT_TRUE(w.grad().equal(at::tensor({0.0F, 2.0F, 4.0F})));
  // Without anything to learn it is a call.
  const at::NoGradGuard off;
  runs = 0;
  EXPECT_FALSE(recomputed(step, plain, {w}).requires_grad());
  EXPECT_EQ(runs, 1);
}

Policy policy_of(const std::string& folder, bool full, at::ScalarType compute) {
  auto weights = load_llama(folder, full ? at::kFloat : compute);
  EXPECT_TRUE(weights);
  std::optional<LoraAdapter> adapter;
  if (!full) {
    adapter = make_lora(weights->config, {.r = 4, .alpha = 8}, Random(5));
    // B is not zero, so that A has a gradient too.
    for (const NamedTensor& named : named_tensors(*adapter)) named.tensor.add_(0.01);
  }
  return make_policy(std::move(*weights), std::move(adapter), compute, /*keep_reference=*/false);
}

// Every parameter's gradient after two micro-batches, so that the second is added to the first.
std::vector<at::Tensor> gradients_of(Policy policy, bool recompute) {
  policy.recompute = recompute;
  const std::vector<Sequence> first = {{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 4},
                                       {{1, 2, 3, 4, 5, 6, 7, 8, 9, 20}, 3},
                                       {{30, 31, 32}, 1}};
  const std::vector<Sequence> second = {{{40, 41, 42, 43, 44}, 2}};
  for (const auto& batch : {first, second}) {
    std::vector<const Sequence*> sequences;
    for (const Sequence& sequence : batch) sequences.push_back(&sequence);
    (-answer_logprobs(policy, Whose::kPolicy, sequences).logprobs.mean()).backward();
  }
  std::vector<at::Tensor> gradients;
  for (const Parameter& parameter : policy.parameters())
    gradients.push_back(parameter.tensor.grad());
  return gradients;
}

TEST(Recomputed, LayersGiveTheSameGradientsBitByBit) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  for (const bool full : {false, true}) {
    for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE((full ? "full " : "lora ") + std::string(at::toString(compute)));
      const auto plain = gradients_of(policy_of(temp.path("model"), full, compute), false);
      const auto again = gradients_of(policy_of(temp.path("model"), full, compute), true);
      ASSERT_EQ(plain.size(), again.size());
      for (std::size_t i = 0; i < plain.size(); ++i) {
        ASSERT_TRUE(plain[i].defined());
        EXPECT_GT(plain[i].abs().max().item<double>(), 0.0) << i;
        EXPECT_TRUE(plain[i].equal(again[i])) << i;
      }
    }
  }
}

TEST(Recomputed, ARunEndsWithTheSameWeights) {
  const TempFolder temp;
  const std::atomic<bool> go_on = false;
  std::string weights;
  for (const std::string choice : {"off", "on", "auto"}) {
    const auto folder = write_tiny_run(
        temp, choice, tiny_preferences(12),
        "method = \"dpo\"\nlora_r = 4\nlearning_rate = 1e-2\nbatch_size = 4\nmax_tokens = 256\n"
        "activation_checkpointing = \"" +
            choice + "\"");
    const auto ending = train_run(folder, go_on);
    ASSERT_TRUE(ending) << ending.error().message;
    const std::string bytes = read_all(folder + "/adapter/adapter_model.safetensors");
    if (weights.empty()) weights = bytes;
    EXPECT_EQ(bytes, weights) << choice;
  }
}

TEST(Memory, EstimatesWhatLayersKeep) {
  LlamaConfig config;
  config.hidden_size = 10;
  config.intermediate_size = 20;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  config.head_dim = 5;
  config.num_hidden_layers = 3;
  // 4 * 10 + (10 + 2 * 5) + 10 + 3 * 20 = 130 numbers a row and layer.
  EXPECT_EQ(kept_bytes(config, 7, at::kBFloat16), 130U * 7 * 3 * 2);
  EXPECT_GT(peak_memory_mb(), 10.0);
  EXPECT_GT(available_memory_bytes(), 1'000'000U);
}

}  // namespace
}  // namespace hone::engine
