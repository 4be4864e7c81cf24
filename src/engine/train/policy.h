// The model under training, as the losses see it: log-probabilities of the answers' tokens, from
// the policy or from the reference, and the leaves that the optimizer moves.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/model/llama.h"
#include "engine/model/lora.h"
#include "engine/train/examples.h"
#include "engine/train/optimizer.h"

namespace hone::engine {

// bf16 where it was asked for and the processor multiplies it in hardware, fp32 otherwise: without
// AVX512-BF16 or AMX, libtorch's bf16 products are many times slower than fp32's.
[[nodiscard]] at::ScalarType compute_type(const std::string& dtype);

struct Policy {
  LlamaWeights weights;                // frozen under an adapter, fp32 masters otherwise
  std::optional<LoraAdapter> adapter;  // fp32
  std::optional<LlamaWeights> frozen;  // full DPO: a copy of the weights as they were
  at::ScalarType compute = at::kFloat;

  [[nodiscard]] std::vector<Parameter> parameters() const;
};

// Switches gradients on. `keep_reference` is for methods with a reference model.
[[nodiscard]] Policy make_policy(LlamaWeights weights, std::optional<LoraAdapter> adapter,
                                 at::ScalarType compute, bool keep_reference);

// The trained tokens of some sequences, one after the other.
struct TrainedTokens {
  at::Tensor logprobs;  // fp32
  at::Tensor sequence;  // int64, which sequence each belongs to
};

enum class Whose { kPolicy, kReference };  // the reference: the adapter off, or the frozen copy
[[nodiscard]] TrainedTokens answer_logprobs(const Policy& policy, Whose whose,
                                            std::span<const Sequence* const> sequences);

}  // namespace hone::engine
