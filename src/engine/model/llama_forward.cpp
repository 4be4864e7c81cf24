#include "engine/model/llama_forward.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include "engine/model/attention.h"
#include "engine/model/llama_ops.h"

namespace hone::engine {

at::Tensor hidden_states(const LlamaWeights& weights, const LoraAdapter* adapter,
                         const Batch& batch, const at::Tensor& rows, at::ScalarType compute) {
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
    const LlamaLayer& layer = weights.layers[i];
    at::Tensor qkv = linear(rms_norm(x, layer.input_norm, eps), layer.qkv, lora(i, {kQ, kK, kV}));
    at::Tensor mixed = attention(qkv, plan);
    if (i + 1 == weights.layers.size()) {
      mixed = mixed.index_select(0, rows);
      x = x.index_select(0, rows);
    }
    x = x + linear(mixed, layer.o, lora(i, {kO}));
    at::Tensor gate_up =
        linear(rms_norm(x, layer.post_attention_norm, eps), layer.gate_up, lora(i, {kGate, kUp}));
    x = x + linear(swiglu(gate_up), layer.down, lora(i, {kDown}));
  }
  return rms_norm(x, weights.norm, eps);
}

}  // namespace hone::engine
