#include "engine/train/policy.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numeric>

#include "engine/model/llama_forward.h"

namespace hone::engine {
namespace {

at::Tensor to_tensor(const TokenIds& values) {
  return at::tensor(values, at::TensorOptions(at::kLong));
}

LlamaWeights copy_of(const LlamaWeights& weights) {
  const auto copy = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.detach().clone() : tensor;
  };
  const auto both = [&copy](const Linear& linear) {
    return Linear{copy(linear.weight), copy(linear.bias)};
  };
  LlamaWeights result{weights.config, copy(weights.embed_tokens), {}, copy(weights.norm), {}};
  result.lm_head = weights.config.tie_word_embeddings ? result.embed_tokens : copy(weights.lm_head);
  for (const LlamaLayer& layer : weights.layers) {
    result.layers.push_back({copy(layer.input_norm), copy(layer.post_attention_norm),
                             both(layer.qkv), both(layer.o), both(layer.gate_up),
                             both(layer.down)});
  }
  return result;
}

// The leaves of full training: the fused matrices as they are.
std::vector<Parameter> all_weights(const LlamaWeights& weights) {
  std::vector<Parameter> all = {{"embed_tokens", weights.embed_tokens}};
  const auto add = [&all](const std::string& name, const Linear& linear) {
    all.push_back({name + ".weight", linear.weight});
    if (linear.bias.defined()) all.push_back({name + ".bias", linear.bias, false});
  };
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LlamaLayer& layer = weights.layers[i];
    const std::string prefix = "layers." + std::to_string(i) + ".";
    all.push_back({prefix + "input_norm", layer.input_norm, false});
    add(prefix + "qkv", layer.qkv);
    add(prefix + "o", layer.o);
    all.push_back({prefix + "post_attention_norm", layer.post_attention_norm, false});
    add(prefix + "gate_up", layer.gate_up);
    add(prefix + "down", layer.down);
  }
  all.push_back({"norm", weights.norm, false});
  if (!weights.config.tie_word_embeddings) all.push_back({"lm_head", weights.lm_head});
  return all;
}

// The gradients in the place of the weights, which gives them their names.
LlamaWeights weight_gradients(const Policy& policy) {
  const LlamaWeights& weights = policy.weights;
  const auto both = [](const Linear& linear) {
    // Every loss goes through all layers, so that only what comes after them can have none.
    return Linear{linear.weight.grad(), linear.bias.defined() ? linear.bias.grad() : at::Tensor()};
  };
  LlamaWeights result{
      weights.config, weights.embed_tokens.grad(), {}, weights.norm.grad(), weights.lm_head.grad()};
  for (const LlamaLayer& layer : weights.layers) {
    result.layers.push_back({layer.input_norm.grad(), layer.post_attention_norm.grad(),
                             both(layer.qkv), both(layer.o), both(layer.gate_up),
                             both(layer.down)});
  }
  return result;
}

bool has_gradients(Whose whose) {
  return whose == Whose::kPolicy && at::GradMode::is_enabled();
}

// The final-norm states of a batch's rows.
at::Tensor states(const Policy& policy, Whose whose, const Batch& batch, const TokenIds& rows) {
  const at::AutoGradMode gradients(has_gradients(whose));
  const bool adapted = whose == Whose::kPolicy && policy.adapter;
  return hidden_states(weights_of(policy, whose), adapted ? &*policy.adapter : nullptr, batch,
                       to_tensor(rows), policy.compute, policy.recompute);
}

}  // namespace

at::ScalarType compute_type(const std::string& dtype) {
  const bool in_hardware = __builtin_cpu_supports("avx512bf16") != 0;
  return dtype == "bf16" && in_hardware ? at::kBFloat16 : at::kFloat;
}

std::vector<Parameter> Policy::parameters() const {
  std::vector<Parameter> all;
  if (!adapter) {
    all = all_weights(weights);
  } else {
    for (const NamedTensor& named : named_tensors(*adapter))
      all.push_back({named.name, named.tensor});
  }
  if (score.defined()) all.push_back({"score", score});
  return all;
}

Policy make_policy(LlamaWeights weights, std::optional<LoraAdapter> adapter, at::ScalarType compute,
                   bool keep_reference) {
  Policy policy{std::move(weights), std::move(adapter), std::nullopt, compute};
  if (keep_reference && !policy.adapter) policy.frozen = copy_of(policy.weights);
  for (const Parameter& parameter : policy.parameters()) parameter.tensor.requires_grad_(true);
  return policy;
}

Result<Policy> load_policy(const std::string& model, const std::string& adapter,
                           at::ScalarType compute) {
  auto weights = load_llama(model, compute);
  if (!weights) return fail(weights.error());
  Policy policy{.weights = std::move(*weights), .compute = compute};
  if (adapter.empty()) return policy;
  auto loaded = load_lora(adapter, policy.weights.config);
  if (!loaded) return fail(loaded.error());
  policy.adapter = std::move(*loaded);
  return policy;
}

const LlamaWeights& weights_of(const Policy& policy, Whose whose) {
  return whose == Whose::kReference && policy.frozen ? *policy.frozen : policy.weights;
}

void Selection::add(const TokenIds& sequence, std::size_t first) {
  std::vector<std::size_t> from(sequence.size() - first);
  std::iota(from.begin(), from.end(), first);
  ids.push_back(sequence);
  positions.push_back(std::move(from));
}

void Selection::add(const Sequence& sequence) {
  ids.push_back(sequence.ids);
  positions.push_back(sequence.positions());
}

Predictions predictions(const Policy& policy, Whose whose, const Selection& selection) {
  HONE_ASSERT(selection.ids.size() == selection.positions.size());
  const Batch batch = pack(selection.ids);
  TokenIds rows;  // the row before a token predicts it
  TokenIds targets;
  TokenIds owner;
  for (std::size_t i = 0; i < selection.ids.size(); ++i) {
    for (const std::size_t position : selection.positions[i]) {
      rows.push_back(batch.rows[i][position - 1]);
      targets.push_back(selection.ids[i][position]);
      owner.push_back(static_cast<std::int64_t>(i));
    }
  }
  return {states(policy, whose, batch, rows), to_tensor(targets), to_tensor(owner)};
}

TrainedTokens selected_logprobs(const Policy& policy, Whose whose, const Selection& selection) {
  const at::AutoGradMode gradients(has_gradients(whose));
  const Predictions predicted = predictions(policy, whose, selection);
  return {target_logprobs(predicted.hidden, weights_of(policy, whose).lm_head, predicted.targets),
          predicted.sequence};
}

TrainedTokens answer_logprobs(const Policy& policy, Whose whose,
                              std::span<const Sequence* const> sequences) {
  Selection selection;
  for (const Sequence* sequence : sequences) selection.add(*sequence);
  return selected_logprobs(policy, whose, selection);
}

at::Tensor last_states(const Policy& policy, Whose whose, std::span<const TokenIds> sequences) {
  const Batch batch = pack(sequences);
  TokenIds rows;
  for (const auto& own : batch.rows) rows.push_back(own.back());
  return states(policy, whose, batch, rows);
}

std::vector<NamedTensor> named_gradients(const Policy& policy) {
  std::vector<NamedTensor> all =
      policy.adapter ? named_tensors(*policy.adapter) : named_tensors(weight_gradients(policy));
  if (policy.adapter) {
    for (NamedTensor& named : all) named.tensor = named.tensor.grad();
  }
  std::erase_if(all, [](const NamedTensor& named) { return !named.tensor.defined(); });
  return all;
}

double gradient_norm(std::span<const NamedTensor> gradients) {
  double squares = 0;
  for (const NamedTensor& named : gradients)
    squares += named.tensor.to(at::kDouble).square().sum().item<double>();
  return std::sqrt(squares);
}

}  // namespace hone::engine
