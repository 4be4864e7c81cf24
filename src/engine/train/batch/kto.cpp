// KTO on a padded batch of judged answers, and a second one that pairs each prompt with the answer
// of another row, from which the reference point is taken. One row alone has no other, so that it
// is refused.
#include "engine/train/loss/kto.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "engine/train/batch/answers.h"
#include "engine/train/batch/methods.h"
#include "engine/train/batch/settings.h"
#include "engine/train/loss/sequences.h"

namespace hone::engine {
namespace {

Selection read_answers(BatchReader& reader, const std::string& prefix, std::int64_t& rows) {
  const at::Tensor ids = reader.ids(prefix + "input_ids");
  const at::Tensor real = reader.mask(prefix + "attention_mask", ids);
  const at::Tensor trained = reader.mask(prefix + "completion_mask", ids);
  rows = ids.size(0);
  return reader.select(ids, real, trained, "in." + prefix + "completion_mask", true);
}

// log pi(y|x) / ref(y|x) of each sequence, [sequences].
at::Tensor log_ratios(const Answers& answers, const at::Tensor& reference) {
  return sums_by_sequence(answers.logprobs - reference, answers.sequence, answers.sequences);
}

// What concerns the answers with one label; nothing where there is none.
void add_metrics(json::object& metrics, const std::string& side, const Answers& answers,
                 const at::Tensor& ratios, const at::Tensor& flags, double beta) {
  if (!flags.any().item<bool>()) return;
  const at::Tensor sums =
      sums_by_sequence(answers.logprobs.detach(), answers.sequence, answers.sequences);
  const at::Tensor tokens = flags.index_select(0, answers.sequence);
  metrics["rewards/" + side] = beta * mean_where(ratios, flags);
  metrics["logps/" + side] = mean_where(sums, flags);
  metrics["logits/" + side] = mean_where(answers.statistics.mean_logit, tokens);
}

}  // namespace

Result<LossOfBatch> kto_of_batch(const Policy& policy, const json::object& config,
                                 const BatchTensors& batch) {
  Settings settings(config);
  KtoOptions options;
  options.beta = settings.number("beta", 0.1, 1e-6, 1e6);
  options.desirable_weight = settings.number("desirable_weight", 1.0, 0.0, 1e6);
  options.undesirable_weight = settings.number("undesirable_weight", 1.0, 0.0, 1e6);
  if (auto good = settings.finish(); !good) return fail(good.error());
  if (auto good = need_reference(policy); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  std::int64_t rows = 0;
  std::int64_t mismatched_rows = 0;
  const Selection selection = read_answers(reader, "", rows);
  const Selection mismatched = read_answers(reader, "KL_", mismatched_rows);
  const at::Tensor desirable = reader.mask("label", at::zeros({rows}, at::kLong));
  reader.require(rows >= 2,
                 "needs at least two rows: the reference point comes from answers to "
                 "other prompts");
  reader.require(rows == mismatched_rows,
                 "tensor 'in.KL_input_ids' must have as many rows as 'in.input_ids'");
  if (auto good = reader.finish("kto"); !good) return fail(good.error());

  const Answers answers = policy_answers(policy, selection);
  const at::Tensor ratios = log_ratios(answers, reference_logprobs(policy, selection));
  at::Tensor reference_point;
  {
    const at::NoGradGuard off;  // moving the reference point is not the aim
    const Answers others = policy_answers(policy, mismatched);
    reference_point =
        kto_reference_point(log_ratios(others, reference_logprobs(policy, mismatched)));
  }
  LossOfBatch result;
  result.loss = kto_losses(ratios, desirable, reference_point, options).mean();
  result.metrics = {{"kl", reference_point.item<double>()},
                    {"entropy", mean_of(answers.statistics.entropy)}};
  add_metrics(result.metrics, "chosen", answers, ratios, desirable, options.beta);
  add_metrics(result.metrics, "rejected", answers, ratios, desirable.logical_not(), options.beta);
  const json::value* good = result.metrics.if_contains("rewards/chosen");
  const json::value* bad = result.metrics.if_contains("rewards/rejected");
  if (good != nullptr && bad != nullptr)
    result.metrics["rewards/margins"] = good->as_double() - bad->as_double();
  return result;
}

}  // namespace hone::engine
