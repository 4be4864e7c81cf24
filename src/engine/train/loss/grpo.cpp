#include "engine/train/loss/grpo.h"

#include <ATen/ops/minimum.h>

#include "base/result.h"
#include "engine/train/loss/sequences.h"

namespace hone::engine {
namespace {

constexpr double kSpreadFloor = 1e-4;

double mean_of(const at::Tensor& values) {
  return values.mean().item<double>();
}

// [answers] the mean of each answer's tokens, of answers that have any.
at::Tensor answer_means(const at::Tensor& values, const GrpoTokens& tokens) {
  const std::int64_t answers = tokens.advantages.size(0);
  return means_by_sequence(values, tokens.sequence, answers)
      .masked_select(tokens_by_sequence(tokens.sequence, answers).gt(0));
}

}  // namespace

GrpoTerms grpo_terms(const GrpoTokens& tokens, const GrpoOptions& options) {
  const std::int64_t answers = tokens.advantages.size(0);
  const bool sampled_now = !tokens.old_logprobs.defined();
  at::Tensor log_ratio =
      tokens.logprobs - (sampled_now ? tokens.logprobs.detach() : tokens.old_logprobs);
  if (options.sequence_ratios) {
    log_ratio =
        means_by_sequence(log_ratio, tokens.sequence, answers).index_select(0, tokens.sequence);
  }
  const at::Tensor rho = log_ratio.exp();
  GrpoTerms terms;
  terms.advantage = tokens.advantages.index_select(0, tokens.sequence);
  terms.ratio = options.delta ? rho.clamp_max(*options.delta) : rho;
  const at::Tensor clipped = rho.clamp(1.0 - options.epsilon, 1.0 + options.epsilon_high);
  terms.losses = -at::minimum(terms.ratio * terms.advantage, clipped * terms.advantage);
  if (options.beta > 0.0) {
    const at::Tensor gap = tokens.reference_logprobs - tokens.logprobs;
    terms.kl = gap.exp() - gap - 1.0;
    if (options.bias_correction_kl) terms.kl = terms.kl * rho;
    terms.losses = terms.losses + options.beta * terms.kl;
  }
  return terms;
}

at::Tensor grpo_loss(const GrpoTerms& terms, const GrpoTokens& tokens, double step_tokens,
                     const GrpoOptions& options) {
  const std::int64_t answers = tokens.advantages.size(0);
  const at::Tensor sum = terms.losses.sum();
  switch (options.loss) {
    case GrpoLoss::kDapo:
      return sum / step_tokens;
    case GrpoLoss::kGrpo:
      return means_by_sequence(terms.losses, tokens.sequence, answers).mean();
    case GrpoLoss::kBnpo:
      return sum / static_cast<double>(terms.losses.size(0));
    case GrpoLoss::kDrGrpo:
      return sum / static_cast<double>(answers * options.max_completion_length);
  }
  return {};
}

at::Tensor group_advantages(const at::Tensor& rewards, std::int64_t group, RewardScale scale) {
  HONE_ASSERT(group >= 2 && rewards.size(0) % group == 0);
  const at::Tensor groups = rewards.view({-1, group});
  const at::Tensor centred = groups - groups.mean(1, true);
  // [groups, 1] of the rewards around their group's mean; or one spread of all around theirs.
  const auto spread = [](const at::Tensor& differences, std::int64_t count) {
    return (differences.square().sum(-1, true) / static_cast<double>(count - 1)).sqrt();
  };
  switch (scale) {
    case RewardScale::kGroup:
      return (centred / (spread(centred, group) + kSpreadFloor)).reshape({-1});
    case RewardScale::kBatch: {
      const at::Tensor all = spread(rewards - rewards.mean(), rewards.size(0));
      return (centred / (all + kSpreadFloor)).reshape({-1});
    }
    case RewardScale::kNone:
      return centred.reshape({-1});
  }
  return {};
}

GrpoMetrics grpo_metrics(const GrpoTerms& terms, const GrpoTokens& tokens,
                         const GrpoOptions& options) {
  const at::Tensor ratio = terms.ratio.detach();
  const at::Tensor low = ratio.lt(1.0 - options.epsilon) & terms.advantage.lt(0.0);
  const at::Tensor high = ratio.gt(1.0 + options.epsilon_high) & terms.advantage.gt(0.0);
  // The tokens of an answer share one ratio with sequence_ratios, so that an answer's mean is its
  // own value.
  const at::Tensor low_answers = answer_means(low.to(at::kFloat), tokens);
  const at::Tensor high_answers = answer_means(high.to(at::kFloat), tokens);
  const auto share = [&](const at::Tensor& clipped) {
    const at::Tensor each = clipped.to(at::kFloat);
    return mean_of(options.sequence_ratios ? answer_means(each, tokens) : each);
  };
  return {.low_mean = share(low),
          .high_mean = share(high),
          .region_mean = share(low | high),
          .low_min = low_answers.min().item<double>(),
          .high_max = high_answers.max().item<double>()};
}

}  // namespace hone::engine
