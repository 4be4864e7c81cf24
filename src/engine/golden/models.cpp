#include "engine/golden/models.h"

#include <ATen/ATen.h>

#include <set>

#include "engine/model/llama_forward.h"
#include "engine/serve/forward.h"
#include "engine/train/batch/inputs.h"

namespace hone::engine::golden {
namespace {

at::Tensor to_tensor(const TokenIds& ids) {
  return at::tensor(ids, at::TensorOptions(at::kLong));
}

}  // namespace

Result<Expected> read_expected(const std::string& folder, std::int64_t vocab_size) {
  Expected expected{folder + "/expected.safetensors", {}, {}};
  auto tensors = read_tensors(expected.path);
  if (!tensors) return fail(tensors.error());
  expected.tensors = std::move(*tensors);
  auto ids = expected.named("input_ids");
  if (!ids) return fail(ids.error());
  auto mask = expected.named("attention_mask");
  if (!mask) return fail(mask.error());
  const BatchTensors batch{{"input_ids", *ids}, {"attention_mask", *mask}};
  BatchReader reader(batch, vocab_size);
  const at::Tensor rows = reader.ids("input_ids");
  expected.sequences = reader.sequences(rows, reader.mask("attention_mask", rows));
  if (auto good = reader.finish("model"); !good) return fail(good.error().with(expected.path));
  for (const TokenIds& sequence : expected.sequences) {
    if (sequence.size() < 2) {
      return fail(ErrorCode::kInvalid, expected.path + ": a sequence of one token has no target");
    }
  }
  if (expected.sequences.size() != 2) {
    return fail(ErrorCode::kInvalid, expected.path + ": tensor 'input_ids' must have two rows");
  }
  return expected;
}

at::Tensor trained_logits(const LlamaWeights& weights, const LoraAdapter* adapter,
                          const Batch& batch, std::size_t sequence) {
  const at::NoGradGuard off;
  const at::Tensor rows = to_tensor(batch.rows[sequence]);
  return at::linear(hidden_states(weights, adapter, batch, rows, at::kFloat), weights.lm_head);
}

Result<at::Tensor> served_logits(const ServingModel& model, const ServingAdapter* adapter,
                                 const TokenIds& ids) {
  if (static_cast<std::int64_t>(ids.size()) > model.context) {
    return fail(ErrorCode::kTooLarge,
                "a sequence is longer than the model's max_position_embeddings");
  }
  const at::NoGradGuard off;
  KvCache cache(model);
  cache.reserve(static_cast<std::int64_t>(ids.size()));
  const Extension extension{ids, &cache, adapter};
  return logits_of(model, forward(model, {&extension, 1}));
}

MeanLoss descend(const Policy& policy, const std::vector<TokenIds>& sequences) {
  Selection selection;
  std::vector<std::int64_t> counts;
  for (const TokenIds& sequence : sequences) {
    selection.add(sequence, 1);
    counts.push_back(static_cast<std::int64_t>(sequence.size()) - 1);
  }
  const at::Tensor logprobs = selected_logprobs(policy, Whose::kPolicy, selection).logprobs;
  const at::Tensor loss = logprobs.mean().neg();
  loss.backward();
  return {logprobs.detach().split_with_sizes(counts), loss.item<double>(), named_gradients(policy)};
}

void compare_gradients(Case& checked, const std::vector<NamedTensor>& ours,
                       const Tensors& expected) {
  std::set<std::string> seen;
  for (const NamedTensor& gradient : ours) {
    seen.insert(gradient.name);
    const auto found = expected.find(gradient.name);
    if (found == expected.end()) {
      checked.fault("gradient of " + gradient.name + ": the reference has none");
    } else {
      checked.along(kGradients, gradient.tensor, found->second, "gradient of " + gradient.name);
    }
  }
  for (const auto& [name, tensor] : expected) {
    if (!seen.contains(name)) checked.fault("gradient of " + name + ": we have none");
  }
}

}  // namespace hone::engine::golden
