// The forward pass over a packed batch, differentiable with respect to whatever requires a
// gradient: the adapter's matrices, or the weights.
//
//   Batch batch = pack(sequences);
//   at::Tensor hidden = hidden_states(weights, &adapter, batch, rows);   // of those rows only
//   at::Tensor logps = target_logprobs(hidden, weights.lm_head, targets);
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/model/llama.h"
#include "engine/model/llama_batch.h"
#include "engine/model/lora.h"

namespace hone::engine {

// The final-norm hidden states of `rows` (int64, repeats allowed) of the batch, [rows, hidden], in
// the weights' type (that of `compute` where the weights are fp32 masters). What other rows would
// need in the last layer is not computed. `adapter` may be null: the base model. With `recompute`
// a layer keeps only its input for the backward pass (recompute.h), whose gradients are the same.
[[nodiscard]] at::Tensor hidden_states(const LlamaWeights& weights, const LoraAdapter* adapter,
                                       const Batch& batch, const at::Tensor& rows,
                                       at::ScalarType compute, bool recompute = false);

// log p(target) of each row, fp32: [rows]. Logits and log-sum-exp are fp32 and exist for a bounded
// number of rows at a time (see reference: "Liger kernel", arXiv 2410.10989, for the idea).
[[nodiscard]] at::Tensor target_logprobs(const at::Tensor& hidden, const at::Tensor& lm_head,
                                         const at::Tensor& targets);

}  // namespace hone::engine
