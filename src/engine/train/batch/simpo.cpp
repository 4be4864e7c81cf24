#include "engine/train/loss/simpo.h"

#include "engine/train/batch/methods.h"
#include "engine/train/batch/pair_rows.h"
#include "engine/train/batch/settings.h"

namespace hone::engine {

Result<LossOfBatch> simpo_of_batch(const Policy& policy, const json::object& config,
                                   const BatchTensors& batch) {
  Settings settings(config);
  SimpoOptions options;
  options.beta = settings.number("beta", options.beta, 1e-6, 1e6);
  options.gamma = settings.number("simpo_gamma", options.gamma, -1e6, 1e6);
  options.nll_weight = settings.number("cpo_alpha", 0.0, 0.0, 1e6);
  options.label_smoothing = settings.number("label_smoothing", 0.0, 0.0, 0.5);
  if (auto good = settings.finish(); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const PairRows rows = read_pairs(reader, false);
  if (auto good = reader.finish("simpo"); !good) return fail(good.error());

  const Answers answers = policy_answers(policy, rows.selection);
  const PairMeans means = answer_means(answers, rows);
  LossOfBatch result;
  result.loss = simpo_losses(means.chosen, means.rejected, options).mean();
  result.metrics = pair_metrics(policy, means, rows, options.beta, rows.chosen_ids.size(1));
  result.metrics["nll_loss"] = 0.0;  // not computed where it does not count
  if (options.nll_weight > 0.0) {
    const at::Tensor nll = -answers.logprobs.masked_select(answers.sequence.lt(rows.pairs)).mean();
    result.loss = result.loss + options.nll_weight * nll;
    result.metrics["nll_loss"] = nll.item<double>();
  }
  return result;
}

}  // namespace hone::engine
