// What the server computes with: a model's weights in the type this processor multiplies fastest,
// and adapters packed for the fused projections. Immutable once made; any thread may read them.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"
#include "engine/serve/serving_linear.h"

namespace hone::engine {

// The fused matrices of a layer, in their order of use.
enum class FusedProjection { kQkv, kO, kGateUp, kDown };

struct ServingLayer {
  at::Tensor input_norm;  // fp32, as everything that is not a projection
  at::Tensor post_attention_norm;
  std::array<ServingLinear, 4> linears;  // indexed by FusedProjection
};

struct ServingModel {
  LlamaConfig config;
  Arithmetic arithmetic = Arithmetic::kFp32;
  at::Tensor embed_tokens;
  std::vector<ServingLayer> layers;
  at::Tensor norm;
  ServingLinear
      lm_head;  // never in bf16: logits of three digits tie, and blur every log-probability
  std::int64_t context = 0;  // the longest sequence, prompt and answer together
  at::Tensor cos;            // [context, 1, head_dim / 2], fp32
  at::Tensor sin;
};

// Reads a model folder. `context` is cut to what the model was trained for.
[[nodiscard]] Result<ServingModel> load_serving_model(const std::string& folder,
                                                      Arithmetic arithmetic, std::int64_t context);

// The same from weights in memory, which it shares where they have its type already. Gives up each
// layer of `weights` as it goes.
[[nodiscard]] ServingModel make_serving_model(LlamaWeights weights, Arithmetic arithmetic,
                                              std::int64_t context);

// The adapters of one fused matrix: y += (x A^T) B^T, with the scale inside B.
struct PackedLora {
  at::Tensor a;  // [n r, in]; undefined where nothing is adapted
  at::Tensor b;  // [out, n r], zero outside each projection's own rows
};

struct ServingAdapter {
  std::string name;
  std::string folder;
  std::vector<std::array<PackedLora, 4>> layers;  // indexed by FusedProjection
};

[[nodiscard]] Result<std::shared_ptr<const ServingAdapter>> load_serving_adapter(
    const std::string& name, const std::string& folder, const ServingModel& model);
// A copy of an adapter in memory, as it is now.
[[nodiscard]] std::shared_ptr<ServingAdapter> make_serving_adapter(const LoraAdapter& lora,
                                                                   const ServingModel& model);

}  // namespace hone::engine
