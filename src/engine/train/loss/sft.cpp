#include "engine/train/loss/sft.h"

namespace hone::engine {

at::Tensor sft_loss(const at::Tensor& logprobs, const at::Tensor& weights, double items,
                    const SftOptions& options) {
  at::Tensor token_loss = -logprobs;
  if (options.loss == SftLoss::kDft) token_loss = token_loss * logprobs.detach().exp();
  return (token_loss * weights).sum() / items;
}

}  // namespace hone::engine
