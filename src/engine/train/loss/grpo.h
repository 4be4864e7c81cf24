// Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300, eq. 3) and its relatives.
// Several answers to one prompt are sampled and rewarded; an answer's advantage is its reward
// against its group's mean. With rho = pi(token) / pi_old(token), A the advantage, and
// d = log ref(token) - log pi(token), a token's loss is
//
//   - min( rho A, clip(rho, 1 - epsilon, 1 + epsilon_high) A )  +  beta (e^d - d - 1)
//
// Tokens of all answers stand one after the other, as in sequences.h; all tensors are fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace hone::engine {

// How the losses of tokens become one number.
enum class GrpoLoss {
  kDapo,    // sum / tokens of the whole step (Yu et al. 2025, arXiv 2503.14476, eq. 8)
  kGrpo,    // the mean over answers of the mean over their tokens
  kBnpo,    // sum / tokens of this batch
  kDrGrpo,  // sum / (answers * longest possible answer) (Liu et al. 2025, arXiv 2503.20783)
};

struct GrpoOptions {
  GrpoLoss loss = GrpoLoss::kDapo;
  double beta = 0.0;  // 0: no reference is needed
  double epsilon = 0.2;
  double epsilon_high = 0.2;    // DAPO: 0.28
  std::optional<double> delta;  // rho never counts for more (INTELLECT-2, arXiv 2505.07291, eq. 2)
  // The KL term times rho, which makes it unbiased off-policy (DeepSeek-V3.2, arXiv 2512.02556).
  bool bias_correction_kl = true;
  // One rho an answer, from its mean log-ratio (GSPO: Zheng et al. 2025, arXiv 2507.18071, eq. 7).
  bool sequence_ratios = false;
  std::int64_t max_completion_length = 0;  // kDrGrpo only
};

struct GrpoTokens {
  at::Tensor logprobs;            // [tokens], with gradients
  at::Tensor old_logprobs;        // when the answers were sampled; undefined: they are the policy's
  at::Tensor reference_logprobs;  // needed where beta > 0
  at::Tensor sequence;            // [tokens], int64
  at::Tensor advantages;          // [answers]
};

struct GrpoTerms {
  at::Tensor losses;     // [tokens]
  at::Tensor ratio;      // [tokens] rho, at most delta
  at::Tensor advantage;  // [tokens] its answer's
  at::Tensor kl;         // [tokens], or undefined where beta is 0
};
[[nodiscard]] GrpoTerms grpo_terms(const GrpoTokens& tokens, const GrpoOptions& options);

// `step_tokens` is how many tokens all micro-batches of the step have together (kDapo only).
[[nodiscard]] at::Tensor grpo_loss(const GrpoTerms& terms, const GrpoTokens& tokens,
                                   double step_tokens, const GrpoOptions& options);

// What spread an advantage is divided by: its group's (GRPO), that of all rewards, or none
// (Dr. GRPO, which finds that dividing favours prompts that are nearly solved or hopeless).
enum class RewardScale { kGroup, kBatch, kNone };

// [answers] from [answers] rewards, where each `group` in a row (at least 2) answer one prompt.
// Spreads are Bessel-corrected, plus 1e-4.
[[nodiscard]] at::Tensor group_advantages(const at::Tensor& rewards, std::int64_t group,
                                          RewardScale scale);

// The share of tokens (with sequence_ratios: of answers) whose gradient the clip takes away: those
// that became rarer than it lets a bad answer (low), or more frequent than it lets a good one.
struct GrpoMetrics {
  double low_mean = 0;
  double high_mean = 0;
  double region_mean = 0;  // either
  double low_min = 0;      // of the answer with the least
  double high_max = 0;     // of the answer with the most
};
[[nodiscard]] GrpoMetrics grpo_metrics(const GrpoTerms& terms, const GrpoTokens& tokens,
                                       const GrpoOptions& options);

}  // namespace hone::engine
