// GRPO on sampled answers: prompts padded on the left, answers on the right, so that a row's real
// tokens stand together. Log-probabilities from when the answers were sampled, and a reference's,
// may come with the batch, [rows, answer columns] each.
#include "engine/train/loss/grpo.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <optional>

#include "engine/train/batch/answers.h"
#include "engine/train/batch/methods.h"
#include "engine/train/batch/settings.h"

namespace hone::engine {
namespace {

struct Config {
  GrpoOptions loss;
  double temperature = 1.0;
  RewardScale scale = RewardScale::kGroup;
  std::optional<std::int64_t> group;
};

Config read_config(Settings& settings) {
  constexpr std::array kLosses = {GrpoLoss::kDapo, GrpoLoss::kGrpo, GrpoLoss::kBnpo,
                                  GrpoLoss::kDrGrpo};
  constexpr std::array kScales = {RewardScale::kGroup, RewardScale::kBatch, RewardScale::kNone};
  Config config;
  GrpoOptions& loss = config.loss;
  loss.loss = kLosses[settings.choice("loss_type", {"dapo", "grpo", "bnpo", "dr_grpo"})];
  loss.beta = settings.number("beta", 0.0, 0.0, 1e6);
  loss.epsilon = settings.number("epsilon", 0.2, 0.0, 1e6);
  loss.epsilon_high = settings.number("epsilon_high", loss.epsilon, 0.0, 1e6);
  loss.delta = settings.number("delta", 1e-6, 1e6);
  loss.bias_correction_kl = settings.flag("use_bias_correction_kl").value_or(true);
  loss.sequence_ratios = settings.choice("importance_sampling_level", {"token", "sequence"}) == 1;
  loss.max_completion_length = settings.whole("max_completion_length", 1, 1 << 24).value_or(0);
  settings.require(loss.loss != GrpoLoss::kDrGrpo || loss.max_completion_length > 0,
                   "field 'max_completion_length' is missing, which dr_grpo divides by");
  config.temperature = settings.number("temperature", 1.0, 1e-3, 1e3);
  config.scale = kScales[settings.choice("scale_rewards", {"group", "batch", "none"})];
  config.group = settings.whole("num_generations", 2, 1 << 16);
  return config;
}

// Given, or from rewards.
at::Tensor read_advantages(BatchReader& reader, const Config& config, std::int64_t rows) {
  if (reader.has("advantages") || !reader.has("rewards")) return reader.reals("advantages", {rows});
  reader.require(config.group.has_value(),
                 "field 'num_generations' is missing: how many rewards in a row are compared");
  const std::int64_t group = config.group.value_or(2);
  const at::Tensor all = reader.reals("rewards", {rows});
  reader.require(rows % group == 0, "tensor 'in.rewards' must hold whole groups of " +
                                        std::to_string(group) + " answers to one prompt");
  return reader.good() ? group_advantages(all, group, config.scale) : all;
}

// The values of real answer tokens, one row after the other, as a Selection has them.
at::Tensor read_tokens(BatchReader& reader, const std::string& name, const at::Tensor& answer) {
  return reader.reals(name, answer.sizes()).masked_select(answer);
}

json::object metrics_of(const GrpoTerms& terms, const GrpoTokens& tokens,
                        const GrpoOptions& options, const TokenStatistics& statistics) {
  const GrpoMetrics clipped = grpo_metrics(terms, tokens, options);
  json::object metrics = {
      {"entropy", mean_of(statistics.entropy)},    {"clip_ratio/low_mean", clipped.low_mean},
      {"clip_ratio/high_mean", clipped.high_mean}, {"clip_ratio/region_mean", clipped.region_mean},
      {"clip_ratio/low_min", clipped.low_min},     {"clip_ratio/high_max", clipped.high_max}};
  if (terms.kl.defined()) metrics["kl"] = mean_of(terms.kl);
  return metrics;
}

}  // namespace

Result<LossOfBatch> grpo_of_batch(const Policy& policy, const json::object& config,
                                  const BatchTensors& batch) {
  Settings settings(config);
  const Config given = read_config(settings);
  if (auto good = settings.finish(); !good) return fail(good.error());

  BatchReader reader(batch, policy.weights.config.vocab_size);
  const at::Tensor prompt = reader.ids("prompt_ids");
  const at::Tensor prompt_real = reader.mask("prompt_mask", prompt);
  const at::Tensor completion = reader.ids("completion_ids");
  const at::Tensor answer = reader.mask("completion_mask", completion);
  const std::int64_t rows = prompt.size(0);
  reader.require(completion.size(0) == rows,
                 "tensor 'in.completion_ids' must have as many rows as 'in.prompt_ids'");
  reader.require(prompt_real.any(1).all().item<bool>(),
                 "tensor 'in.prompt_mask' has a row of zeros: every answer needs a prompt");
  GrpoTokens tokens;
  tokens.advantages = read_advantages(reader, given, rows);
  if (reader.has("old_per_token_logps"))
    tokens.old_logprobs = read_tokens(reader, "old_per_token_logps", answer);
  const bool reference_given = reader.has("ref_per_token_logps");
  if (reference_given)
    tokens.reference_logprobs = read_tokens(reader, "ref_per_token_logps", answer);
  std::optional<double> items;
  if (reader.has("num_items_in_batch")) items = reader.number("num_items_in_batch");
  if (!reader.good()) return fail(reader.finish("grpo").error());
  const Selection selection =
      reader.select(at::cat({prompt, completion}, 1), at::cat({prompt_real, answer}, 1),
                    at::cat({at::zeros_like(prompt_real), answer}, 1), "in.completion_mask", false);
  if (auto good = reader.finish("grpo"); !good) return fail(good.error());
  if (given.loss.beta > 0.0 && !reference_given) {
    if (auto good = need_reference(policy); !good)
      return fail(good.error().with("tensor 'in.ref_per_token_logps' is missing"));
    tokens.reference_logprobs = reference_logprobs(policy, selection, given.temperature);
  }
  const Answers answers = policy_answers(policy, selection, given.temperature);
  tokens.logprobs = answers.logprobs;
  tokens.sequence = answers.sequence;
  const GrpoTerms terms = grpo_terms(tokens, given.loss);
  LossOfBatch result;
  const double own = static_cast<double>(answers.logprobs.size(0));
  result.loss = grpo_loss(terms, tokens, items.value_or(own), given.loss);
  result.metrics = metrics_of(terms, tokens, given.loss, answers.statistics);
  return result;
}

}  // namespace hone::engine
