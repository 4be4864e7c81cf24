#include "engine/train/loss/dpo.h"

#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/relu.h>

namespace hone::engine {
namespace {

struct LogRatios {
  at::Tensor chosen;  // log pi(y|x) / pi_ref(y|x)
  at::Tensor rejected;
};

LogRatios log_ratios(const PairLogprobs& pairs) {
  return {pairs.chosen - pairs.reference_chosen, pairs.rejected - pairs.reference_rejected};
}

}  // namespace

at::Tensor dpo_losses(const PairLogprobs& pairs, const DpoOptions& options) {
  const auto [chosen, rejected] = log_ratios(pairs);
  const at::Tensor h = chosen - rejected;
  const at::Tensor h_mean = chosen / pairs.chosen_tokens - rejected / pairs.rejected_tokens;
  const double beta = options.beta;
  const double e = options.label_smoothing;
  switch (options.loss) {
    case DpoLoss::kSigmoid:
      return -(1 - e) * at::log_sigmoid(beta * h) - e * at::log_sigmoid(-beta * h);
    case DpoLoss::kRobust:
      return (-(1 - e) * at::log_sigmoid(beta * h) + e * at::log_sigmoid(-beta * h)) / (1 - 2 * e);
    case DpoLoss::kHinge:
      return at::relu(1 - beta * h);
    case DpoLoss::kIpo:
      return (h_mean - 1 / (2 * beta)).square();
    case DpoLoss::kSigmoidNorm:
      return -at::log_sigmoid(beta * h_mean);
  }
  return {};
}

DpoMetrics dpo_metrics(const PairLogprobs& pairs, const DpoOptions& options) {
  const auto [chosen, rejected] = log_ratios(pairs);
  const auto mean = [](const at::Tensor& values) { return values.mean().item<double>(); };
  return {.chosen_reward = options.beta * mean(chosen.detach()),
          .rejected_reward = options.beta * mean(rejected.detach()),
          .margin = options.beta * mean((chosen - rejected).detach()),
          .accuracy = mean((chosen > rejected).to(at::kFloat))};
}

}  // namespace hone::engine
