// A reward model on a padded batch of whole conversations whose first half is chosen and second
// half rejected. The reward is read from the last real token.
#include "engine/train/loss/reward.h"

#include "engine/train/batch/answers.h"
#include "engine/train/batch/methods.h"
#include "engine/train/batch/settings.h"

namespace hone::engine {

Result<LossOfBatch> reward_of_batch(const Policy& policy, const json::object& config,
                                    const BatchTensors& batch) {
  Settings settings(config);
  const RewardOptions options{.centring =
                                  settings.number("center_rewards_coefficient", 0.0, 0.0, 1e6)};
  const std::optional<bool> with_margin = settings.flag("margin");
  if (auto good = settings.finish(); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const at::Tensor ids = reader.ids("input_ids");
  const at::Tensor real = reader.mask("attention_mask", ids);
  const std::int64_t pairs = ids.size(0) / 2;
  reader.require(ids.size(0) == 2 * pairs,
                 "tensor 'in.input_ids' must have as many rejected rows as chosen ones");
  const bool margin_given = reader.has("margin");
  at::Tensor margin;
  if (with_margin.value_or(margin_given)) margin = reader.reals("margin", {pairs});
  LossOfBatch result;
  result.score = reader.reals("score.weight", {1, policy.weights.config.hidden_size})
                     .clone()
                     .requires_grad_(true);
  const std::vector<TokenIds> sequences = reader.sequences(ids, real);
  if (auto good = reader.finish("reward"); !good) return fail(good.error());

  const at::Tensor all = rewards(last_states(policy, Whose::kPolicy, sequences), result.score);
  const auto halves = all.chunk(2);
  result.loss = reward_losses(halves[0], halves[1], margin, options).mean();
  result.metrics = {{"min_reward", all.min().item<double>()},
                    {"mean_reward", mean_of(all)},
                    {"max_reward", all.max().item<double>()},
                    {"accuracy", mean_of(halves[0].gt(halves[1]))},
                    {"margin", mean_of(halves[0] - halves[1])}};
  return result;
}

}  // namespace hone::engine
