// config.json of a Llama-family model in Hugging Face layout. Both layouts are read: `rope_theta`,
// `rope_scaling` and `torch_dtype` (transformers 4), and `rope_parameters` and `dtype`
// (transformers 5); the old one is written, because every loader knows it. What the forward pass
// cannot do (another architecture, another activation, another kind of RoPE scaling, experts,
// sliding windows, quantised weights) is refused here, by field; so are sizes that no model has.
// Who allocates by a size of it looks first whether the weights are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine {

// How rotary frequencies are stretched for long contexts. kLlama3: wavelengths above
// original_max_position_embeddings / low_freq_factor are divided by `factor`, those below
// original_max_position_embeddings / high_freq_factor are kept, those between are blended.
struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3 };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_max_position_embeddings = 8192;
};

struct LlamaConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;  // divides num_attention_heads
  std::int64_t head_dim = 0;             // even; hidden_size / num_attention_heads unless given
  std::int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t>
      eos_token_ids;                     // an int or a list in the file; any of them ends an answer
  std::string torch_dtype = "bfloat16";  // how the weights are stored
};

// `name` leads error messages ("DIR/config.json").
[[nodiscard]] Result<LlamaConfig> parse_config(std::string_view text, std::string_view name);
[[nodiscard]] Result<LlamaConfig> read_config(const std::string& model_folder);
[[nodiscard]] std::string write_config(const LlamaConfig& config);  // JSON text, indented

}  // namespace hone::engine
