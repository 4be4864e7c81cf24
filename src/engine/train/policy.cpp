#include "engine/train/policy.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

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

}  // namespace

at::ScalarType compute_type(const std::string& dtype) {
  const bool in_hardware = __builtin_cpu_supports("avx512bf16") != 0;
  return dtype == "bf16" && in_hardware ? at::kBFloat16 : at::kFloat;
}

std::vector<Parameter> Policy::parameters() const {
  if (!adapter) return all_weights(weights);
  std::vector<Parameter> all;
  for (const NamedTensor& named : named_tensors(*adapter))
    all.push_back({named.name, named.tensor});
  return all;
}

Policy make_policy(LlamaWeights weights, std::optional<LoraAdapter> adapter, at::ScalarType compute,
                   bool keep_reference) {
  Policy policy{std::move(weights), std::move(adapter), std::nullopt, compute};
  if (keep_reference && !policy.adapter) policy.frozen = copy_of(policy.weights);
  for (const Parameter& parameter : policy.parameters()) parameter.tensor.requires_grad_(true);
  return policy;
}

TrainedTokens answer_logprobs(const Policy& policy, Whose whose,
                              std::span<const Sequence* const> sequences) {
  std::vector<TokenIds> ids;
  for (const Sequence* sequence : sequences) ids.push_back(sequence->ids);
  const Batch batch = pack(ids);
  TokenIds rows;  // the row before a token predicts it
  TokenIds targets;
  TokenIds owner;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (std::size_t at = sequences[i]->answer; at < ids[i].size(); ++at) {
      rows.push_back(batch.rows[i][at - 1]);
      targets.push_back(ids[i][at]);
      owner.push_back(static_cast<std::int64_t>(i));
    }
  }
  const bool reference = whose == Whose::kReference;
  const at::AutoGradMode gradients(!reference);
  const LlamaWeights& weights = reference && policy.frozen ? *policy.frozen : policy.weights;
  const LoraAdapter* adapter = reference || !policy.adapter ? nullptr : &*policy.adapter;
  const at::Tensor hidden = hidden_states(weights, adapter, batch, to_tensor(rows), policy.compute);
  return {target_logprobs(hidden, weights.lm_head, to_tensor(targets)), to_tensor(owner)};
}

}  // namespace hone::engine
