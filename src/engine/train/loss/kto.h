// Kahneman-Tversky optimisation (Ethayarajh et al. 2024, arXiv 2402.01306): answers that were
// judged one by one, good or bad, without a partner. With r = log pi(y|x)/ref(y|x) and the
// reference point z (how far the policy has moved from the reference altogether):
//
//   desirable:    w_D (1 - sigmoid(beta (r - z)))
//   undesirable:  w_U (1 - sigmoid(beta (z - r)))
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

struct KtoOptions {
  double beta = 0.1;
  // Best kept so that w_D n_D : w_U n_U lies between 1:1 and 4:3 (section 4.2 there).
  double desirable_weight = 1.0;
  double undesirable_weight = 1.0;
};

// z, a scalar: the mean of r over prompts with answers that belong to other prompts (the batch's,
// moved on by one), which estimates a KL divergence. Never below 0, and never a way for gradients.
[[nodiscard]] at::Tensor kto_reference_point(const at::Tensor& mismatched_log_ratios);

// The loss of each answer, [answers]. `desirable` is bool.
[[nodiscard]] at::Tensor kto_losses(const at::Tensor& log_ratios, const at::Tensor& desirable,
                                    const at::Tensor& reference_point, const KtoOptions& options);

}  // namespace hone::engine
