#include "engine/model/llama_forward.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include <utility>

#include "engine/model/attention.h"
#include "engine/model/llama_ops.h"
#include "engine/model/recompute.h"

namespace hone::engine {
namespace {

// One layer of a forward pass, with all that it reads: tensors are shared, not copied.
struct LayerStep {
  LlamaLayer layer;
  FusedLora qkv;
  FusedLora o;
  FusedLora gate_up;
  FusedLora down;
  AttentionPlanPtr plan;
  at::Tensor rows;  // what is wanted of the last layer; undefined: all
  double eps = 0;

  [[nodiscard]] at::Tensor operator()(const at::Tensor& input) const {
    at::Tensor x = input;
    at::Tensor mixed = attention(linear(rms_norm(x, layer.input_norm, eps), layer.qkv, qkv), plan);
    if (rows.defined()) {
      mixed = mixed.index_select(0, rows);
      x = x.index_select(0, rows);
    }
    x = x + linear(mixed, layer.o, o);
    const at::Tensor wide =
        linear(rms_norm(x, layer.post_attention_norm, eps), layer.gate_up, gate_up);
    return x + linear(swiglu(wide), layer.down, down);
  }

  [[nodiscard]] std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all = {layer.input_norm, layer.post_attention_norm};
    for (const Linear* part : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down})
      all.insert(all.end(), {part->weight, part->bias});
    for (const FusedLora* fused : {&qkv, &o, &gate_up, &down}) {
      for (const FusedLora::Part& part : fused->parts) all.insert(all.end(), {part.a, part.b});
    }
    return all;
  }
};

}  // namespace

at::Tensor hidden_states(const LlamaWeights& weights, const LoraAdapter* adapter,
                         const Batch& batch, const at::Tensor& rows, at::ScalarType compute,
                         bool recompute) {
  using enum Projection;
  const LlamaConfig& config = weights.config;
  const double eps = config.rms_norm_eps;
  const auto lora = [&](std::size_t layer, std::initializer_list<Projection> parts) {
    return fused_lora(adapter, config, layer, parts);
  };
  const AttentionPlanPtr plan = plan_attention(config, batch);
  const at::Tensor ids = at::from_blob(const_cast<std::int64_t*>(batch.ids.data()), {batch.size()},
                                       at::TensorOptions(at::kLong));
  at::Tensor x = at::embedding(weights.embed_tokens, ids.clone()).to(compute);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const bool last = i + 1 == weights.layers.size();
    LayerStep step{weights.layers[i],
                   lora(i, {kQ, kK, kV}),
                   lora(i, {kO}),
                   lora(i, {kGate, kUp}),
                   lora(i, {kDown}),
                   plan,
                   last ? rows : at::Tensor(),
                   eps};
    if (!recompute) {
      x = step(x);
      continue;
    }
    const auto leaves = step.leaves();
    x = recomputed(std::move(step), x, leaves);
  }
  return rms_norm(x, weights.norm, eps);
}

}  // namespace hone::engine
