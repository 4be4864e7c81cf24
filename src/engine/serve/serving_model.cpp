#include "engine/serve/serving_model.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "engine/model/lora.h"
#include "engine/model/rope.h"

namespace hone::engine {
namespace {

const std::array<std::vector<Projection>, 4> kFused{{
    {Projection::kQ, Projection::kK, Projection::kV},
    {Projection::kO},
    {Projection::kGate, Projection::kUp},
    {Projection::kDown},
}};

PackedLora pack_fused(const LoraLayer& layer, const std::vector<Projection>& parts,
                      const LlamaConfig& config, const LoraConfig& lora, at::ScalarType dtype) {
  std::vector<at::Tensor> a;
  std::int64_t out = 0;
  for (const Projection part : parts) {
    const LoraPair& pair = layer[static_cast<std::size_t>(part)];
    if (pair.a.defined()) a.push_back(pair.a);
    out += shape_of(config, part).out;
  }
  if (a.empty()) return {};
  const auto rank = static_cast<std::int64_t>(a.size()) * lora.r;
  at::Tensor b = at::zeros({out, rank}, at::kFloat);
  std::int64_t row = 0;
  std::int64_t column = 0;
  for (const Projection part : parts) {
    const LoraPair& pair = layer[static_cast<std::size_t>(part)];
    const std::int64_t rows = shape_of(config, part).out;
    if (pair.a.defined()) {
      b.narrow(0, row, rows).narrow(1, column, lora.r).copy_(pair.b * lora.scale());
      column += lora.r;
    }
    row += rows;
  }
  return {at::cat(a).to(dtype), b.to(dtype)};
}

}  // namespace

at::ScalarType fastest_type() {
  return __builtin_cpu_supports("avx512bf16") != 0 ? at::kBFloat16 : at::kFloat;
}

Result<ServingModel> load_serving_model(const std::string& folder, at::ScalarType dtype,
                                        std::int64_t context) {
  auto weights = load_llama(folder, dtype);
  if (!weights) return fail(weights.error());
  ServingModel model;
  model.dtype = dtype;
  // Logits in bf16 would have three digits: ties for greedy choice, noise in every log-probability.
  const bool tied = weights->lm_head.is_same(weights->embed_tokens);
  weights->embed_tokens = weights->embed_tokens.to(at::kFloat);
  weights->lm_head = tied ? weights->embed_tokens : weights->lm_head.to(at::kFloat);
  weights->norm = weights->norm.to(at::kFloat);
  for (LlamaLayer& layer : weights->layers) {
    layer.input_norm = layer.input_norm.to(at::kFloat);
    layer.post_attention_norm = layer.post_attention_norm.to(at::kFloat);
  }
  model.context = std::min(context, weights->config.max_position_embeddings);
  RopeTable table = rope_table(weights->config, static_cast<std::size_t>(model.context));
  const auto half = static_cast<std::int64_t>(table.half);
  model.cos = at::from_blob(table.cos.data(), {model.context, 1, half}, at::kFloat).clone();
  model.sin = at::from_blob(table.sin.data(), {model.context, 1, half}, at::kFloat).clone();
  model.weights = std::move(*weights);
  return model;
}

Result<std::shared_ptr<const ServingAdapter>> load_serving_adapter(const std::string& name,
                                                                   const std::string& folder,
                                                                   const ServingModel& model) {
  const LlamaConfig& config = model.weights.config;
  auto lora = load_lora(folder, config);
  if (!lora) return fail(lora.error());
  auto adapter = std::make_shared<ServingAdapter>();
  adapter->name = name;
  adapter->folder = folder;
  for (const LoraLayer& layer : lora->layers) {
    auto& packed = adapter->layers.emplace_back();
    for (std::size_t i = 0; i < kFused.size(); ++i) {
      packed[i] = pack_fused(layer, kFused[i], config, lora->config, model.dtype);
    }
  }
  return adapter;
}

}  // namespace hone::engine
