// What trainers report of predictions beside the loss: how unsure the model was, and whether its
// first choice was right. Without gradients.
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

// One value a token, fp32.
struct TokenStatistics {
  at::Tensor entropy;     // nats
  at::Tensor mean_logit;  // over the vocabulary
  at::Tensor correct;     // 1 where the most likely token is the target
};

// `hidden` [tokens, hidden] and `targets` [tokens] as in Predictions (policy.h). Logits exist for a
// bounded number of tokens at a time.
[[nodiscard]] TokenStatistics token_statistics(const at::Tensor& hidden, const at::Tensor& lm_head,
                                               const at::Tensor& targets);

}  // namespace hone::engine
