// The loss of supervised fine-tuning, from log-probabilities of trained tokens (fp32, with
// gradients).
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

enum class SftLoss {
  kNll,
  kDft,  // Wu et al. 2025, arXiv 2508.05629: each token weighted by its own detached probability
};

struct SftOptions {
  SftLoss loss = SftLoss::kNll;
};

// sum_t w_t l_t / items, l the token's loss. `items` is the sum of the weights over ALL
// micro-batches of a step: dividing by those of one only would weigh short micro-batches more.
[[nodiscard]] at::Tensor sft_loss(const at::Tensor& logprobs, const at::Tensor& weights,
                                  double items, const SftOptions& options);

}  // namespace hone::engine
