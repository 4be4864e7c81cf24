#include "engine/train/loss/orpo.h"

#include <ATen/ops/log_sigmoid.h>

#include "engine/train/batch/methods.h"
#include "engine/train/batch/pair_rows.h"
#include "engine/train/batch/settings.h"

namespace hone::engine {

Result<LossOfBatch> orpo_of_batch(const Policy& policy, const json::object& config,
                                  const BatchTensors& batch) {
  Settings settings(config);
  const OrpoOptions options{.beta = settings.number("beta", 0.1, 0.0, 1e6)};
  if (auto good = settings.finish(); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const PairRows rows = read_pairs(reader, true);
  if (auto good = reader.finish("orpo"); !good) return fail(good.error());

  const Answers answers = policy_answers(policy, rows.selection);
  const PairMeans means = answer_means(answers, rows);
  // Prompt and answer, as many tokens as all chosen conversations have.
  const at::Tensor nll = -answers.logprobs.masked_select(answers.sequence.lt(rows.pairs)).mean();
  LossOfBatch result;
  result.loss = nll + orpo_losses(means.chosen, means.rejected, options).mean();

  const at::Tensor ratio = log_odds_ratio(means.chosen, means.rejected).detach();
  result.metrics = pair_metrics(policy, means, rows, options.beta, rows.chosen_ids.size(1) - 1);
  result.metrics["nll_loss"] = nll.item<double>();
  result.metrics["log_odds_chosen"] = mean_of(ratio);
  result.metrics["log_odds_ratio"] = mean_of(at::log_sigmoid(ratio));
  return result;
}

}  // namespace hone::engine
