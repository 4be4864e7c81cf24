// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in Hugging Face's layout: component
// i turns with component i + head_dim / 2. Angles, sines and cosines are fp32.
#pragma once

#include <vector>

#include "engine/model/config.h"

namespace hone::engine {

// The angle per position of each of the head_dim / 2 pairs, after the configuration's scaling.
[[nodiscard]] std::vector<float> rope_frequencies(const LlamaConfig& config);

// cos and sin of positions 0 … count-1: [count * head_dim / 2], position-major.
struct RopeTable {
  std::size_t half = 0;  // head_dim / 2
  std::vector<float> cos;
  std::vector<float> sin;
};
[[nodiscard]] RopeTable rope_table(const LlamaConfig& config, std::size_t count);

}  // namespace hone::engine
