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

namespace hone::engine {

struct ServingModel {
  LlamaWeights weights;  // projections in `dtype`, norms and embedding in fp32
  at::ScalarType dtype = at::kFloat;
  std::int64_t context = 0;  // the longest sequence, prompt and answer together
  at::Tensor cos;            // [context, 1, head_dim / 2], fp32
  at::Tensor sin;
};

// bf16 where the processor has products of it (AVX512-BF16, AMX), else fp32: emulated, they are
// tens of times slower.
[[nodiscard]] at::ScalarType fastest_type();

// Reads a model folder. `context` is cut to what the model was trained for.
[[nodiscard]] Result<ServingModel> load_serving_model(const std::string& folder,
                                                      at::ScalarType dtype, std::int64_t context);

// The adapters of one fused matrix: y += (x A^T) B^T, with the scale inside B.
struct PackedLora {
  at::Tensor a;  // [n r, in]; undefined where nothing is adapted
  at::Tensor b;  // [out, n r], zero outside each projection's own rows
};

enum class FusedProjection { kQkv, kO, kGateUp, kDown };

struct ServingAdapter {
  std::string name;
  std::string folder;
  std::vector<std::array<PackedLora, 4>> layers;  // indexed by FusedProjection
};

[[nodiscard]] Result<std::shared_ptr<const ServingAdapter>> load_serving_adapter(
    const std::string& name, const std::string& folder, const ServingModel& model);

}  // namespace hone::engine
