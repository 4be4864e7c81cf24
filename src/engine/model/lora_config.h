// adapter_config.json, and which tensors an adapter of it has: all of PEFT's format that can be
// told without a tensor. What it says that is not computed here (DoRA, another rank for some
// layers, biases, modules that are trained whole, initialisations that change the base) is refused
// by field.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/projection.h"

namespace hone::engine {

inline constexpr std::size_t kMaxLoraConfigBytes = 1U << 20;
inline constexpr std::int64_t kMaxLoraRank = 4096;

struct LoraConfig {
  std::int64_t r = 16;
  double alpha = 32;
  bool rs = false;
  std::vector<Projection> targets = {kProjections.begin(), kProjections.end()};

  [[nodiscard]] double scale() const;
};

// `name` leads error messages.
[[nodiscard]] Result<LoraConfig> parse_lora_config(std::string_view text, std::string_view name);
[[nodiscard]] std::string lora_config_text(const LoraConfig& config, const std::string& base_model);

// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", for `matrix` "lora_A".
[[nodiscard]] std::string peft_name(std::size_t layer, Projection which, std::string_view matrix);

// Whether `file` has A and B of every projection that is adapted, in their shapes, and nothing
// else. An error names the tensor.
[[nodiscard]] Result<void> check_lora_file(const SafetensorsFile& file, const LoraConfig& config,
                                           const LlamaConfig& model);

}  // namespace hone::engine
