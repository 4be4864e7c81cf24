#include "engine/train/loss/simpo.h"

#include <ATen/ops/log_sigmoid.h>

namespace hone::engine {

at::Tensor simpo_losses(const at::Tensor& chosen_mean, const at::Tensor& rejected_mean,
                        const SimpoOptions& options) {
  const at::Tensor lead = options.beta * (chosen_mean - rejected_mean) - options.gamma;
  const double e = options.label_smoothing;
  return -(1 - e) * at::log_sigmoid(lead) - e * at::log_sigmoid(-lead);
}

}  // namespace hone::engine
