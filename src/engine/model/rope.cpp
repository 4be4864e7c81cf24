#include "engine/model/rope.h"

#include <cmath>
#include <numbers>

namespace hone::engine {
namespace {

// Llama 3.1's stretching: long wavelengths are divided by `factor`, short ones kept, those between
// blended by how many turns they make in the original context.
float stretch(float frequency, const RopeScaling& scaling) {
  const double original = static_cast<double>(scaling.original_max_position_embeddings);
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < original / scaling.high_freq_factor) return frequency;
  if (wavelength > original / scaling.low_freq_factor)
    return frequency / static_cast<float>(scaling.factor);
  const double blend = (original / wavelength - scaling.low_freq_factor) /
                       (scaling.high_freq_factor - scaling.low_freq_factor);
  return static_cast<float>((1.0 - blend) * frequency / scaling.factor + blend * frequency);
}

}  // namespace

std::vector<float> rope_frequencies(const LlamaConfig& config) {
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < config.head_dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(config.head_dim);
    float frequency = 1.0F / std::pow(static_cast<float>(config.rope_theta), exponent);
    if (config.rope_scaling.kind == RopeScaling::Kind::kLinear)
      frequency /= static_cast<float>(config.rope_scaling.factor);
    if (config.rope_scaling.kind == RopeScaling::Kind::kLlama3)
      frequency = stretch(frequency, config.rope_scaling);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

RopeTable rope_table(const LlamaConfig& config, std::size_t count) {
  const std::vector<float> frequencies = rope_frequencies(config);
  RopeTable table;
  table.half = frequencies.size();
  table.cos.reserve(count * table.half);
  table.sin.reserve(count * table.half);
  for (std::size_t position = 0; position < count; ++position) {
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(position) * frequency;
      table.cos.push_back(std::cos(angle));
      table.sin.push_back(std::sin(angle));
    }
  }
  return table;
}

}  // namespace hone::engine
