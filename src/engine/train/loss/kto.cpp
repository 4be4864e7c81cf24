#include "engine/train/loss/kto.h"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

namespace hone::engine {

at::Tensor kto_reference_point(const at::Tensor& mismatched_log_ratios) {
  return mismatched_log_ratios.detach().mean().clamp_min(0.0);
}

at::Tensor kto_losses(const at::Tensor& log_ratios, const at::Tensor& desirable,
                      const at::Tensor& reference_point, const KtoOptions& options) {
  const at::Tensor gain = options.beta * (log_ratios - reference_point);
  return at::where(desirable, options.desirable_weight * (1.0 - at::sigmoid(gain)),
                   options.undesirable_weight * (1.0 - at::sigmoid(-gain)));
}

}  // namespace hone::engine
