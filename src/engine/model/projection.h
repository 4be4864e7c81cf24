// The seven linear layers of a Llama's block, by their Hugging Face names, and the shapes that a
// configuration gives them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/model/config.h"
#include "engine/model/safetensors.h"

namespace hone::engine {

enum class Projection { kQ, kK, kV, kO, kGate, kUp, kDown };
inline constexpr std::array kProjections = {Projection::kQ,   Projection::kK,    Projection::kV,
                                            Projection::kO,   Projection::kGate, Projection::kUp,
                                            Projection::kDown};

[[nodiscard]] std::string_view name(Projection projection);  // "q_proj"
[[nodiscard]] std::optional<Projection> projection_named(std::string_view name);
// "model.layers.3.self_attn.q_proj", Hugging Face's name without ".weight".
[[nodiscard]] std::string module_name(std::size_t layer, Projection projection);

struct Shape {
  std::int64_t out = 0;
  std::int64_t in = 0;
};
[[nodiscard]] Shape shape_of(const LlamaConfig& config, Projection projection);

// Whether `view` has this shape, and a type that weights come in: F32, F16 or BF16. To be asked
// before memory is taken for it, so that what is taken is bounded by what a file has.
[[nodiscard]] Result<void> check_weight(const TensorView& view,
                                        std::span<const std::int64_t> shape);

}  // namespace hone::engine
