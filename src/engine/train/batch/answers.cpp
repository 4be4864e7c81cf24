#include "engine/train/batch/answers.h"

#include <ATen/core/grad_mode.h>

#include "engine/model/llama_forward.h"

namespace hone::engine {
namespace {

Predictions at_temperature(Predictions predicted, double temperature) {
  if (temperature != 1.0) predicted.hidden = predicted.hidden / temperature;
  return predicted;
}

}  // namespace

Answers policy_answers(const Policy& policy, const Selection& selection, double temperature) {
  const Predictions predicted =
      at_temperature(predictions(policy, Whose::kPolicy, selection), temperature);
  const at::Tensor& head = policy.weights.lm_head;
  return {.logprobs = target_logprobs(predicted.hidden, head, predicted.targets),
          .sequence = predicted.sequence,
          .sequences = static_cast<std::int64_t>(selection.ids.size()),
          .statistics = token_statistics(predicted.hidden, head, predicted.targets)};
}

at::Tensor reference_logprobs(const Policy& policy, const Selection& selection,
                              double temperature) {
  const at::NoGradGuard off;
  const Predictions predicted =
      at_temperature(predictions(policy, Whose::kReference, selection), temperature);
  return target_logprobs(predicted.hidden, weights_of(policy, Whose::kReference).lm_head,
                         predicted.targets);
}

Result<void> need_reference(const Policy& policy) {
  if (policy.frozen || policy.adapter) return {};
  return fail(ErrorCode::kInvalid,
              "there is nothing to compare with: give a reference model, or an adapter, whose base "
              "is the reference");
}

double mean_of(const at::Tensor& values) {
  return values.detach().to(at::kFloat).mean().item<double>();
}

double mean_where(const at::Tensor& values, const at::Tensor& flags) {
  const at::Tensor chosen = values.detach().masked_select(flags);
  return chosen.numel() == 0 ? 0.0 : mean_of(chosen);
}

}  // namespace hone::engine
