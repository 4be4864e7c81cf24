// Which tensors a Llama of a configuration has, under Hugging Face's names and under llama.cpp's,
// and in which shapes: what import reads from a GGUF and export writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "engine/model/projection.h"

namespace hone::engine {

// One tensor of a Llama, under both of its names.
struct ModelTensor {
  std::string name;       // Hugging Face's
  std::string gguf_name;  // llama.cpp's
  std::vector<std::int64_t> shape;
  // Above zero: the rows of so many heads, which llama.cpp keeps in another order.
  std::int64_t rotary_heads = 0;
  struct Place {
    std::size_t layer = 0;
    Projection projection = Projection::kQ;
  };
  std::optional<Place> adapted{};  // where an adapter may add to it
};

// Every tensor that a model of this configuration has; a tied lm_head is not among them.
[[nodiscard]] std::vector<ModelTensor> tensors_of(const LlamaConfig& config);

// "blk.3.attn_q", llama.cpp's name of a projection without ".weight".
[[nodiscard]] std::string gguf_module_name(std::size_t layer, Projection projection);
// The heads whose rows llama.cpp keeps in another order; 0 for a projection without rotation.
[[nodiscard]] std::int64_t rotary_heads(const LlamaConfig& config, Projection projection);

}  // namespace hone::engine
