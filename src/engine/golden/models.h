// What model/ and its adapters have in common: two sequences, and how a model is held against what
// the reference says of them. Used by model.cpp and lora.cpp.
#pragma once

#include <string>
#include <vector>

#include "engine/golden/files.h"
#include "engine/golden/group.h"
#include "engine/model/llama_batch.h"
#include "engine/model/lora.h"
#include "engine/serve/serving_model.h"
#include "engine/train/policy.h"

namespace hone::engine::golden {

inline constexpr Bound kLogits{"logits", 2e-5};
inline constexpr Bound kLogprobs{"log-probabilities", 2e-5};
inline constexpr Bound kMeanLoss{"loss", 1e-5};
inline constexpr Bound kGradients{"gradients", 1e-4};

// A variant's expected.safetensors.
struct Expected {
  std::string path;
  Tensors tensors;
  std::vector<TokenIds> sequences;  // a and b, without padding

  [[nodiscard]] Result<at::Tensor> named(const std::string& name) const {
    return tensor_named(tensors, name, path);
  }
};
[[nodiscard]] Result<Expected> read_expected(const std::string& folder, std::int64_t vocab_size);

// [tokens, vocab] of one sequence of the batch, by the trainer's forward pass.
[[nodiscard]] at::Tensor trained_logits(const LlamaWeights& weights, const LoraAdapter* adapter,
                                        const Batch& batch, std::size_t sequence);
// By the server's. `adapter` may be null. kTooLarge: the model was not made for that many tokens.
[[nodiscard]] Result<at::Tensor> served_logits(const ServingModel& model,
                                               const ServingAdapter* adapter, const TokenIds& ids);
inline constexpr std::int64_t kContext = 1 << 16;  // cut to what a model was made for

// -log p(token), the mean over all tokens after the first, of all sequences; the backward pass
// leaves its gradients in the policy.
struct MeanLoss {
  std::vector<at::Tensor> logprobs;  // of each sequence
  double loss = 0;
  std::vector<NamedTensor> gradients;
};
[[nodiscard]] MeanLoss descend(const Policy& policy, const std::vector<TokenIds>& sequences);

// Every gradient that there is on either side.
void compare_gradients(Case& checked, const std::vector<NamedTensor>& ours,
                       const Tensors& expected);

}  // namespace hone::engine::golden
