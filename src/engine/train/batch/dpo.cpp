// DPO on a padded batch whose first half is chosen and second half rejected. Losses may be mixed:
// a weighted sum, one of which may be "sft", the mean NLL of all chosen tokens of the batch.
#include "engine/train/loss/dpo.h"

#include <array>
#include <optional>

#include "engine/train/batch/answers.h"
#include "engine/train/batch/methods.h"
#include "engine/train/batch/settings.h"
#include "engine/train/loss/sequences.h"

namespace hone::engine {
namespace {

struct Mix {
  struct Part {
    std::optional<DpoLoss> loss;  // nothing: SFT
    double weight = 1.0;
  };
  std::vector<Part> parts;
  DpoOptions options;
};

Mix read_mix(Settings& settings) {
  Mix mix;
  const std::vector<std::size_t> places =
      settings.choices("loss_type", {"sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "sft"});
  const std::vector<double> weights = settings.numbers("loss_weights", places.size());
  constexpr std::array kLosses = {DpoLoss::kSigmoid, DpoLoss::kIpo, DpoLoss::kHinge,
                                  DpoLoss::kRobust, DpoLoss::kSigmoidNorm};
  for (std::size_t i = 0; i < places.size(); ++i) {
    const bool sft = places[i] == kLosses.size();
    mix.parts.push_back({sft ? std::nullopt : std::optional(kLosses[places[i]]), weights[i]});
  }
  mix.options.beta = settings.number("beta", 0.1, 1e-6, 1e6);
  // Robust DPO divides by 1 - 2 e.
  mix.options.label_smoothing = settings.number("label_smoothing", 0.0, 0.0, 0.499);
  return mix;
}

at::Tensor mixed_loss(const PairLogprobs& pairs, const Mix& mix) {
  at::Tensor loss;
  for (const Mix::Part& part : mix.parts) {
    DpoOptions options = mix.options;
    if (part.loss) options.loss = *part.loss;
    const at::Tensor own = part.loss ? dpo_losses(pairs, options).mean()
                                     : -pairs.chosen.sum() / pairs.chosen_tokens.sum();
    loss = loss.defined() ? loss + part.weight * own : part.weight * own;
  }
  return loss;
}

json::object metrics_of(const PairLogprobs& pairs, const Answers& answers,
                        const DpoOptions& options) {
  const DpoMetrics rewards = dpo_metrics(pairs, options);
  const at::Tensor chosen = answers.sequence.lt(answers.sequences / 2);
  const at::Tensor h =
      (pairs.chosen - pairs.reference_chosen - pairs.rejected + pairs.reference_rejected).detach();
  json::array each;
  for (std::int64_t i = 0; i < h.size(0); ++i) each.emplace_back(h[i].item<double>());
  const TokenStatistics& tokens = answers.statistics;
  return {{"h", std::move(each)},
          {"rewards/chosen", rewards.chosen_reward},
          {"rewards/rejected", rewards.rejected_reward},
          {"rewards/accuracies", rewards.accuracy},
          {"rewards/margins", rewards.margin},
          {"logps/chosen", mean_of(pairs.chosen)},
          {"logps/rejected", mean_of(pairs.rejected)},
          {"logits/chosen", mean_where(tokens.mean_logit, chosen)},
          {"logits/rejected", mean_where(tokens.mean_logit, chosen.logical_not())},
          {"mean_token_accuracy", mean_where(tokens.correct, chosen)},
          {"entropy", mean_of(tokens.entropy)}};
}

}  // namespace

Result<LossOfBatch> dpo_of_batch(const Policy& policy, const json::object& config,
                                 const BatchTensors& batch) {
  Settings settings(config);
  const Mix mix = read_mix(settings);
  if (auto good = settings.finish(); !good) return fail(good.error());
  if (auto good = need_reference(policy); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const at::Tensor ids = reader.ids("input_ids");
  const at::Tensor real = reader.mask("attention_mask", ids);
  const at::Tensor trained = reader.mask("completion_mask", ids);
  reader.require(ids.size(0) % 2 == 0,
                 "tensor 'in.input_ids' must have as many rejected rows as chosen ones");
  const Selection selection = reader.select(ids, real, trained, "in.completion_mask", true);
  if (auto good = reader.finish("dpo"); !good) return fail(good.error());

  const Answers answers = policy_answers(policy, selection);
  const at::Tensor reference = reference_logprobs(policy, selection);
  const auto halves = [&answers](const at::Tensor& tokens) {
    return sums_by_sequence(tokens, answers.sequence, answers.sequences).chunk(2);
  };
  const auto now = halves(answers.logprobs);
  const auto before = halves(reference);
  const auto counts = tokens_by_sequence(answers.sequence, answers.sequences).chunk(2);
  const PairLogprobs pairs{now[0], now[1], before[0], before[1], counts[0], counts[1]};
  LossOfBatch result;
  result.loss = mixed_loss(pairs, mix);
  result.metrics = metrics_of(pairs, answers, mix.options);
  return result;
}

}  // namespace hone::engine
