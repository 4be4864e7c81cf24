#include "engine/golden/loss_outputs.h"

#include <ATen/ATen.h>

#include "engine/golden/files.h"
#include "engine/train/batch/answers.h"
#include "engine/train/loss/grpo.h"
#include "engine/train/loss/reward.h"
#include "engine/train/loss/sequences.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kOutputs{"outputs", 2e-5};

// The named inputs of a batch, so that a reader has nothing left over.
BatchTensors part_of(const BatchTensors& batch, std::initializer_list<const char*> names) {
  BatchTensors part;
  for (const char* name : names) {
    const auto found = batch.find(name);
    if (found != batch.end()) part.insert(*found);
  }
  return part;
}

// DPO's: the sum over each answer's tokens, by the policy or by the reference.
Result<at::Tensor> answer_sums(const Policy& policy, const BatchTensors& batch, Whose whose) {
  const BatchTensors part = part_of(batch, {"input_ids", "attention_mask", "completion_mask"});
  BatchReader reader(part, policy.weights.config.vocab_size);
  const at::Tensor ids = reader.ids("input_ids");
  const at::Tensor real = reader.mask("attention_mask", ids);
  const at::Tensor trained = reader.mask("completion_mask", ids);
  const Selection selection = reader.select(ids, real, trained, "in.completion_mask", true);
  if (auto good = reader.finish("dpo"); !good) return fail(good.error());
  const Answers answers = policy_answers(policy, selection);
  const at::Tensor logprobs =
      whose == Whose::kPolicy ? answers.logprobs : reference_logprobs(policy, selection);
  return sums_by_sequence(logprobs, answers.sequence, answers.sequences);
}

// GRPO's: of each real token of an answer at the temperature of sampling, 0 in padding.
Result<at::Tensor> token_logprobs(const Policy& policy, const json::object& config,
                                  const BatchTensors& batch) {
  const auto temperature = optional_field<double>(config, "temperature");
  if (!temperature) return fail(temperature.error());
  const BatchTensors part =
      part_of(batch, {"prompt_ids", "prompt_mask", "completion_ids", "completion_mask"});
  BatchReader reader(part, policy.weights.config.vocab_size);
  const at::Tensor prompt = reader.ids("prompt_ids");
  const at::Tensor prompt_real = reader.mask("prompt_mask", prompt);
  const at::Tensor completion = reader.ids("completion_ids");
  const at::Tensor answer = reader.mask("completion_mask", completion);
  if (!reader.good()) return fail(reader.finish("grpo").error());
  const Selection selection =
      reader.select(at::cat({prompt, completion}, 1), at::cat({prompt_real, answer}, 1),
                    at::cat({at::zeros_like(prompt_real), answer}, 1), "in.completion_mask", false);
  if (auto good = reader.finish("grpo"); !good) return fail(good.error());
  const Answers answers = policy_answers(policy, selection, temperature->value_or(1.0));
  const at::Tensor all = at::zeros(completion.sizes(), at::TensorOptions(at::kFloat));
  return all.masked_scatter(answer, answers.logprobs);
}

// A reward model's.
Result<at::Tensor> last_token_rewards(const Policy& policy, const BatchTensors& batch) {
  const BatchTensors part = part_of(batch, {"input_ids", "attention_mask"});
  BatchReader reader(part, policy.weights.config.vocab_size);
  const at::Tensor ids = reader.ids("input_ids");
  const auto sequences = reader.sequences(ids, reader.mask("attention_mask", ids));
  if (auto good = reader.finish("reward"); !good) return fail(good.error());
  return rewards(last_states(policy, Whose::kPolicy, sequences), batch.at("score.weight"));
}

// How many rows in a row answer one prompt.
std::int64_t group_size(const at::Tensor& prompts) {
  std::int64_t size = 1;
  while (size < prompts.size(0) && prompts[size].equal(prompts[0])) ++size;
  return size;
}

// GRPO's rewards come before its batch, whose advantages follow from them.
Result<void> compare_advantages(Case& checked, const at::Tensor& given_rewards,
                                const json::object& config, const BatchTensors& batch) {
  const auto advantages = batch.find("advantages");
  const auto prompts = batch.find("prompt_ids");
  if (advantages == batch.end() || prompts == batch.end() || prompts->second.dim() != 2) {
    return fail(ErrorCode::kInvalid,
                "out.rewards: there are no in.advantages and in.prompt_ids beside them");
  }
  const auto scale = optional_field<std::string>(config, "scale_rewards");
  if (!scale) return fail(scale.error());
  const std::string by = scale->value_or("group");
  const std::int64_t group = group_size(prompts->second);
  if (given_rewards.dim() != 1 || group < 2 || given_rewards.size(0) % group != 0) {
    return fail(ErrorCode::kInvalid,
                "out.rewards: the rows are not several answers to each prompt");
  }
  const RewardScale spread = by == "none"    ? RewardScale::kNone
                             : by == "batch" ? RewardScale::kBatch
                                             : RewardScale::kGroup;
  checked.near(kOutputs, group_advantages(given_rewards, group, spread), advantages->second,
               "in.advantages, from out.rewards");
  return {};
}

Result<at::Tensor> output_named(std::string_view name, const Policy& policy,
                                const json::object& config, const BatchTensors& batch) {
  if (name == "logps") return answer_sums(policy, batch, Whose::kPolicy);
  if (name == "ref_logps") return answer_sums(policy, batch, Whose::kReference);
  if (name == "per_token_logps") return token_logprobs(policy, config, batch);
  if (name == "rewards") return last_token_rewards(policy, batch);
  return fail(ErrorCode::kInvalid, "nothing here computes it");
}

}  // namespace

Result<void> compare_outputs(Case& checked, const std::string& path, const Policy& policy,
                             const json::object& config, const BatchTensors& batch) {
  const at::NoGradGuard off;
  const auto tensors = read_tensors(path);
  if (!tensors) return fail(tensors.error());
  for (const auto& [name, expected] : *tensors) {
    // The reward head is an input, though the file calls it otherwise.
    if (!name.starts_with("out.") || name == "out.score.weight") continue;
    if (name == "out.rewards" && !batch.contains("score.weight")) {
      if (auto done = compare_advantages(checked, expected, config, batch); !done)
        checked.fault(done.error().message);
      continue;
    }
    const auto ours = output_named(std::string_view(name).substr(4), policy, config, batch);
    if (ours) {
      checked.near(kOutputs, *ours, expected, name);
    } else {
      checked.fault(name + ": " + ours.error().message);
    }
  }
  return {};
}

}  // namespace hone::engine::golden
