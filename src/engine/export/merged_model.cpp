#include "engine/export/merged_model.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include <array>

namespace hone::engine {
namespace {

// In the order of `Projection`.
constexpr std::array<std::string_view, kProjections.size()> kGgufNames = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

std::size_t index(Projection projection) {
  return static_cast<std::size_t>(projection);
}

class List {
 public:
  explicit List(const LlamaConfig& config) : config_(config) {}

  void add(std::string name, std::string gguf_name, std::vector<std::int64_t> shape) {
    tensors_.push_back({std::move(name), std::move(gguf_name), std::move(shape)});
  }

  void projections(std::size_t layer) {
    for (const Projection which : kProjections) {
      const Shape shape = shape_of(config_, which);
      const bool attention = index(which) <= index(Projection::kO);
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

Result<at::ScalarType> stored_type_of(const Checkpoint& files, const std::string& folder) {
  const std::string name = module_name(0, Projection::kQ) + ".weight";
  const TensorView* view = files.find(name);
  if (view == nullptr) {
    return fail(ErrorCode::kInvalid, folder + ": tensor '" + name + "' is missing");
  }
  switch (view->dtype) {
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    default:
      return at::kFloat;  // what is no float at all is refused when it is read
  }
}

}  // namespace

std::string gguf_module_name(std::size_t layer, Projection projection) {
  return "blk." + std::to_string(layer) + "." + std::string(kGgufNames[index(projection)]);
}

std::int64_t rotary_heads(const LlamaConfig& config, Projection projection) {
  if (projection == Projection::kQ) return config.num_attention_heads;
  return projection == Projection::kK ? config.num_key_value_heads : 0;
}

std::vector<ModelTensor> tensors_of(const LlamaConfig& config) {
  List list(config);
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

Result<MergedModel> MergedModel::open(const std::string& folder,
                                      const std::vector<std::string>& adapters) {
  auto config = read_config(folder);
  if (!config) return fail(config.error());
  auto files = Checkpoint::open(folder);
  if (!files) return fail(files.error());
  auto stored = stored_type_of(*files, folder);
  if (!stored) return fail(stored.error());
  MergedModel model;
  model.config_ = std::move(*config);
  model.files_ = std::move(*files);
  model.stored_type_ = *stored;
  for (const std::string& adapter : adapters) {
    auto loaded = load_lora(adapter, model.config_);
    if (!loaded) return fail(loaded.error());
    model.adapters_.push_back(std::move(*loaded));
  }
  model.tensors_ = tensors_of(model.config_);
  return model;
}

Result<at::Tensor> MergedModel::tensor(const ModelTensor& which, at::ScalarType type) const {
  const TensorView* view = files_.find(which.name);
  if (view == nullptr) {
    return fail(ErrorCode::kInvalid, "tensor '" + which.name + "' is missing in the model");
  }
  const bool merges = which.adapted && !adapters_.empty();
  at::Tensor weight = at::empty(which.shape, at::TensorOptions(merges ? at::kFloat : type));
  if (auto copied = copy_into(weight, *view); !copied) return fail(copied.error());
  if (merges) {
    for (const LoraAdapter& adapter : adapters_) {
      const LoraPair& pair = adapter.layers[which.adapted->layer][index(which.adapted->projection)];
      if (!pair.a.defined()) continue;
      weight = at::addmm(weight, pair.b, pair.a, 1.0, adapter.config.scale());
    }
    weight = weight.to(type);
  }
  if (type == at::kHalf && !at::isfinite(weight).all().item<bool>()) {
    return fail(ErrorCode::kInvalid,
                "tensor '" + which.name +
                    "' has a value that fp16 cannot hold (beyond 65504, or not a number); bf16 can "
                    "hold large ones");
  }
  return weight;
}

}  // namespace hone::engine
