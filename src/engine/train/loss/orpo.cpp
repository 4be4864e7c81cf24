#include "engine/train/loss/orpo.h"

#include <ATen/ops/expm1.h>
#include <ATen/ops/log_sigmoid.h>

#include <limits>

namespace hone::engine {
namespace {

// log(p / (1 - p)) from log p. An answer that is certain in fp32 has log p = 0 and no odds, so it
// is held one rounding below.
at::Tensor log_odds(const at::Tensor& log_p) {
  const at::Tensor below = log_p.clamp_max(-std::numeric_limits<float>::epsilon());
  return below - (-at::expm1(below)).log();
}

}  // namespace

at::Tensor log_odds_ratio(const at::Tensor& chosen_mean, const at::Tensor& rejected_mean) {
  return log_odds(chosen_mean) - log_odds(rejected_mean);
}

at::Tensor orpo_losses(const at::Tensor& chosen_mean, const at::Tensor& rejected_mean,
                       const OrpoOptions& options) {
  return -options.beta * at::log_sigmoid(log_odds_ratio(chosen_mean, rejected_mean));
}

}  // namespace hone::engine
