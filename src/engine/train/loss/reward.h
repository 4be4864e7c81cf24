// A reward model: one number for an answer, read from the hidden state of its last token, such that
// preferred answers get more (Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155, eq. 1):
//
//   L = - log sigmoid( r_w - r_l - m )  +  c (r_w + r_l)^2
//
// m is how much better the preferred one was rated (Touvron et al. 2023, arXiv 2307.09288, section
// 3.2.2). Only differences matter to the first term, so c keeps the numbers themselves near zero
// (Eisenstein et al. 2023, arXiv 2312.09244).
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

struct RewardOptions {
  double centring = 0.0;  // c; 0.01 is usual
};

// The reward of each sequence, [sequences], fp32. `last_states` [sequences, hidden]; `head`
// [1, hidden] is a linear layer without bias.
[[nodiscard]] at::Tensor rewards(const at::Tensor& last_states, const at::Tensor& head);

// The loss of each pair, [pairs]. `margin` [pairs], or undefined.
[[nodiscard]] at::Tensor reward_losses(const at::Tensor& chosen, const at::Tensor& rejected,
                                       const at::Tensor& margin, const RewardOptions& options);

}  // namespace hone::engine
