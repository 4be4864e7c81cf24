// Odds ratio preference optimisation (Hong et al. 2024, arXiv 2403.07691): supervised fine-tuning
// and a preference in one, without a reference model. With P the geometric mean of an answer's
// token probabilities and odds = P / (1 - P):
//
//   L = NLL of the chosen - beta log sigmoid( log odds(y_w|x) - log odds(y_l|x) )      (eqs. 6, 7)
//
// As its authors' code and TRL have it, the NLL is the mean over the prompt's tokens and the
// answer's; the odds are the answer's alone.
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

struct OrpoOptions {
  double beta = 0.1;  // lambda in the paper
};

// Means over each answer's tokens, [pairs], in; log of the ratio of their odds, [pairs], out.
[[nodiscard]] at::Tensor log_odds_ratio(const at::Tensor& chosen_mean,
                                        const at::Tensor& rejected_mean);

// The preference's part of each pair's loss, [pairs]: -beta log sigmoid(log odds ratio).
[[nodiscard]] at::Tensor orpo_losses(const at::Tensor& chosen_mean, const at::Tensor& rejected_mean,
                                     const OrpoOptions& options);

}  // namespace hone::engine
