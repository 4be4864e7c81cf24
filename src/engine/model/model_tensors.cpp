#include "engine/model/model_tensors.h"

#include <array>

namespace hone::engine {
namespace {

// In the order of `Projection`.
constexpr std::array<std::string_view, kProjections.size()> kGgufNames = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

class ModelTensorList {
 public:
  explicit ModelTensorList(const LlamaConfig& config) : config_(config) {}

  void add(std::string name, std::string gguf_name, std::vector<std::int64_t> shape) {
    tensors_.push_back({std::move(name), std::move(gguf_name), std::move(shape)});
  }

  void projections(std::size_t layer) {
    for (const Projection which : kProjections) {
      const Shape shape = shape_of(config_, which);
      const bool attention = which <= Projection::kO;
      const std::string hf = module_name(layer, which);
      const std::string gguf = gguf_module_name(layer, which);
      const std::int64_t heads = rotary_heads(config_, which);
      tensors_.push_back({hf + ".weight",
                          gguf + ".weight",
                          {shape.out, shape.in},
                          heads,
                          ModelTensor::Place{layer, which}});
      if (attention ? config_.attention_bias : config_.mlp_bias) {
        tensors_.push_back({hf + ".bias", gguf + ".bias", {shape.out}, heads});
      }
    }
  }

  [[nodiscard]] std::vector<ModelTensor> take() { return std::move(tensors_); }

 private:
  const LlamaConfig& config_;
  std::vector<ModelTensor> tensors_;
};

}  // namespace

std::string gguf_module_name(std::size_t layer, Projection projection) {
  return "blk." + std::to_string(layer) + "." +
         std::string(kGgufNames[static_cast<std::size_t>(projection)]);
}

std::int64_t rotary_heads(const LlamaConfig& config, Projection projection) {
  if (projection == Projection::kQ) return config.num_attention_heads;
  return projection == Projection::kK ? config.num_key_value_heads : 0;
}

std::vector<ModelTensor> tensors_of(const LlamaConfig& config) {
  ModelTensorList list(config);
  list.add("model.embed_tokens.weight", "token_embd.weight",
           {config.vocab_size, config.hidden_size});
  for (std::size_t i = 0; i < static_cast<std::size_t>(config.num_hidden_layers); ++i) {
    const std::string hf = "model.layers." + std::to_string(i);
    const std::string gguf = "blk." + std::to_string(i);
    list.add(hf + ".input_layernorm.weight", gguf + ".attn_norm.weight", {config.hidden_size});
    list.projections(i);
    list.add(hf + ".post_attention_layernorm.weight", gguf + ".ffn_norm.weight",
             {config.hidden_size});
  }
  list.add("model.norm.weight", "output_norm.weight", {config.hidden_size});
  if (!config.tie_word_embeddings) {
    list.add("lm_head.weight", "output.weight", {config.vocab_size, config.hidden_size});
  }
  return list.take();
}

}  // namespace hone::engine
