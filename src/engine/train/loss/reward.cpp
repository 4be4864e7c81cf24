#include "engine/train/loss/reward.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/log_sigmoid.h>

namespace hone::engine {

at::Tensor rewards(const at::Tensor& last_states, const at::Tensor& head) {
  return at::linear(last_states.to(at::kFloat), head).squeeze(1);
}

at::Tensor reward_losses(const at::Tensor& chosen, const at::Tensor& rejected,
                         const at::Tensor& margin, const RewardOptions& options) {
  const at::Tensor lead = chosen - rejected;
  const at::Tensor losses = -at::log_sigmoid(margin.defined() ? lead - margin : lead);
  return losses + options.centring * (chosen + rejected).square();
}

}  // namespace hone::engine
