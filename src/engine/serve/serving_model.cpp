#include "engine/serve/serving_model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

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

// The type of the files, so that nothing is rounded or doubled in reading.
at::ScalarType stored_type(const LlamaConfig& config) {
  return config.torch_dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

}  // namespace

Result<ServingModel> load_serving_model(const std::string& folder, Arithmetic arithmetic,
                                        std::int64_t context) {
  auto config = read_config(folder);
  if (!config) return fail(config.error());
  auto weights = load_llama(folder, stored_type(*config));
  if (!weights) return fail(weights.error());
  return make_serving_model(std::move(*weights), arithmetic, context);
}

ServingModel make_serving_model(LlamaWeights weights, Arithmetic arithmetic, std::int64_t context) {
  const c10::NoGradGuard no_grad;
  ServingModel model;
  model.config = weights.config;
  model.arithmetic = arithmetic;
  model.embed_tokens = weights.embed_tokens.to(at::kFloat);
  model.norm = weights.norm.to(at::kFloat);
  const auto exact = arithmetic == Arithmetic::kBf16 ? Arithmetic::kFp32 : arithmetic;
  model.lm_head = ServingLinear({weights.lm_head, {}}, exact);
  for (LlamaLayer& layer : weights.layers) {
    model.layers.push_back(
        {layer.input_norm.to(at::kFloat),
         layer.post_attention_norm.to(at::kFloat),
         {ServingLinear(layer.qkv, arithmetic), ServingLinear(layer.o, arithmetic),
          ServingLinear(layer.gate_up, arithmetic), ServingLinear(layer.down, arithmetic)}});
    layer = {};  // both copies of a large model would not fit
  }
  model.context = std::min(context, model.config.max_position_embeddings);
  RopeTable table = rope_table(model.config, static_cast<std::size_t>(model.context));
  const auto half = static_cast<std::int64_t>(table.half);
  model.cos = at::from_blob(table.cos.data(), {model.context, 1, half}, at::kFloat).clone();
  model.sin = at::from_blob(table.sin.data(), {model.context, 1, half}, at::kFloat).clone();
  return model;
}

Result<std::shared_ptr<const ServingAdapter>> load_serving_adapter(const std::string& name,
                                                                   const std::string& folder,
                                                                   const ServingModel& model) {
  auto lora = load_lora(folder, model.config);
  if (!lora) return fail(lora.error());
  auto adapter = make_serving_adapter(*lora, model);
  adapter->name = name;
  adapter->folder = folder;
  return adapter;
}

std::shared_ptr<ServingAdapter> make_serving_adapter(const LoraAdapter& lora,
                                                     const ServingModel& model) {
  const c10::NoGradGuard no_grad;
  auto adapter = std::make_shared<ServingAdapter>();
  for (const LoraLayer& layer : lora.layers) {
    auto& packed = adapter->layers.emplace_back();
    for (std::size_t i = 0; i < kFused.size(); ++i) {
      packed[i] = pack_fused(layer, kFused[i], model.config, lora.config,
                             activation_type(model.arithmetic));
    }
  }
  return adapter;
}

}  // namespace hone::engine
