// The losses of post-training, as functions of log-probabilities: no model, no batch layout, so
// that each reads like its paper and is held against the golden vectors. All tensors are fp32;
// `logprobs` are those of trained tokens only, and gradients flow into them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

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

// [count] sums of `values` by `sequence` (int64, as long as values).
[[nodiscard]] at::Tensor sums_by_sequence(const at::Tensor& values, const at::Tensor& sequence,
                                          std::int64_t count);

enum class DpoLoss {
  kSigmoid,      // Rafailov et al. 2023, arXiv 2305.18290, eq. 7; with smoothing cDPO
  kIpo,          // Azar et al. 2023, arXiv 2310.12036, eq. 17
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
struct DpoMetrics {
  double chosen_reward = 0;
  double rejected_reward = 0;
  double margin = 0;
  double accuracy = 0;
};
[[nodiscard]] DpoMetrics dpo_metrics(const PairLogprobs& pairs, const DpoOptions& options);

}  // namespace hone::engine
