// Simple preference optimisation (Meng et al. 2024, arXiv 2405.14734, eq. 6): the reward of an
// answer is its mean log-probability, as generation ranks it, and no reference model is needed:
//
//   L = - log sigmoid( beta [ mean log pi(y_w|x) - mean log pi(y_l|x) ] - gamma )
//
// Smoothing counts a share of the preferences as turned round; nll_weight adds the mean NLL of the
// chosen answers' tokens (CPO-SimPO; cpo_alpha in TRL).
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

struct SimpoOptions {
  double beta = 2.5;
  double gamma = 1.375;  // the margin that a pair is asked to have
  double label_smoothing = 0.0;
  double nll_weight = 0.0;
};

// The loss of each pair, [pairs], without the NLL term, from means over the answers' tokens.
[[nodiscard]] at::Tensor simpo_losses(const at::Tensor& chosen_mean,
                                      const at::Tensor& rejected_mean, const SimpoOptions& options);

}  // namespace hone::engine
