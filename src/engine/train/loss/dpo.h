// Direct preference optimisation and its relatives, from the log-probabilities of whole answers
// under the policy (with gradients) and under a reference (without). With
//
//   h = log pi(y_w|x)/ref(y_w|x) - log pi(y_l|x)/ref(y_l|x)
//
// every one of them pulls h up, each with a shape of its own.
#pragma once

#include <ATen/core/Tensor.h>

namespace hone::engine {

enum class DpoLoss {
  kSigmoid,      // Rafailov et al. 2023, arXiv 2305.18290, eq. 7; with smoothing cDPO
  kIpo,          // Azar et al. 2023, arXiv 2310.12036, eq. 17, with log-ratios per token
  kHinge,        // SLiC-HF: Zhao et al. 2023, arXiv 2305.10425
  kRobust,       // Chowdhury et al. 2024, arXiv 2403.00409
  kSigmoidNorm,  // sigmoid of length-averaged log-ratios (Lambert et al. 2024, arXiv 2411.15124)
};

struct DpoOptions {
  DpoLoss loss = DpoLoss::kSigmoid;
  double beta = 0.1;
  double label_smoothing = 0.0;  // how often a preference is thought to be turned round
  double sft_weight = 0.0;       // of the chosen answers' mean NLL, as in Llama 3 (0.2 there)
};

// Sums over each answer's tokens, [pairs]; the reference's carry no gradient.
struct PairLogprobs {
  at::Tensor chosen;
  at::Tensor rejected;
  at::Tensor reference_chosen;
  at::Tensor reference_rejected;
  at::Tensor chosen_tokens;  // how many tokens each answer has
  at::Tensor rejected_tokens;
};

// The loss of each pair, [pairs], without the SFT term.
[[nodiscard]] at::Tensor dpo_losses(const PairLogprobs& pairs, const DpoOptions& options);

// What to watch: implicit rewards beta (logp - logp_reference), averaged; how often chosen leads.
// The margin may grow while the chosen answers' own reward falls, so both are told.
struct DpoMetrics {
  double chosen_reward = 0;
  double rejected_reward = 0;
  double margin = 0;
  double accuracy = 0;
};
[[nodiscard]] DpoMetrics dpo_metrics(const PairLogprobs& pairs, const DpoOptions& options);

}  // namespace hone::engine
