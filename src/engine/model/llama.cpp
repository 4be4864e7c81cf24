#include "engine/model/llama.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/file.h"

namespace hone::engine {
namespace {

constexpr std::array<std::string_view, kProjections.size()> kNames = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

std::size_t index(Projection projection) {
  return static_cast<std::size_t>(projection);
}

std::string layer_name(std::size_t layer) {
  return "model.layers." + std::to_string(layer);
}

Result<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return at::kFloat;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    default:
      return fail(ErrorCode::kInvalid,
                  "weights of type " + std::string(name(dtype)) + " are not supported");
  }
}

class Loader {
 public:
  Loader(const Checkpoint& files, at::ScalarType dtype) : files_(files), dtype_(dtype) {}

  [[nodiscard]] at::Tensor tensor(const std::string& name, at::IntArrayRef shape) {
    at::Tensor target = at::empty(shape, at::TensorOptions(dtype_));
    fill(target, name);
    return target;
  }

  // The projections of `parts`, which stand in this order in one matrix.
  [[nodiscard]] Linear linear(const LlamaConfig& config, std::size_t layer,
                              std::initializer_list<Projection> parts, bool has_bias) {
    std::int64_t rows = 0;
    for (const Projection part : parts) rows += shape_of(config, part).out;
    Linear fused;
    fused.weight =
        at::empty({rows, shape_of(config, *parts.begin()).in}, at::TensorOptions(dtype_));
    if (has_bias) fused.bias = at::empty({rows}, at::TensorOptions(dtype_));
    std::int64_t row = 0;
    for (const Projection part : parts) {
      const std::int64_t out = shape_of(config, part).out;
      fill(fused.weight.narrow(0, row, out), module_name(layer, part) + ".weight");
      if (has_bias) fill(fused.bias.narrow(0, row, out), module_name(layer, part) + ".bias");
      row += out;
    }
    return fused;
  }

  [[nodiscard]] const Result<void>& outcome() const { return outcome_; }

 private:
  void fill(at::Tensor target, const std::string& name) {
    if (!outcome_) return;
    const TensorView* view = files_.find(name);
    if (view == nullptr) {
      outcome_ = fail(ErrorCode::kInvalid, "tensor '" + name + "' is missing");
    } else {
      outcome_ = copy_into(std::move(target), *view);
    }
  }

  const Checkpoint& files_;
  at::ScalarType dtype_;
  Result<void> outcome_;  // the first failure
};

}  // namespace

std::string_view name(Projection projection) {
  return kNames[index(projection)];
}

std::optional<Projection> projection_named(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return kProjections[static_cast<std::size_t>(found - kNames.begin())];
}

std::string module_name(std::size_t layer, Projection projection) {
  const bool attention = index(projection) <= index(Projection::kO);
  return layer_name(layer) + (attention ? ".self_attn." : ".mlp.") + std::string(name(projection));
}

Shape shape_of(const LlamaConfig& config, Projection projection) {
  const std::int64_t query = config.num_attention_heads * config.head_dim;
  const std::int64_t key = config.num_key_value_heads * config.head_dim;
  switch (projection) {
    case Projection::kQ:
      return {query, config.hidden_size};
    case Projection::kK:
    case Projection::kV:
      return {key, config.hidden_size};
    case Projection::kO:
      return {config.hidden_size, query};
    case Projection::kGate:
    case Projection::kUp:
      return {config.intermediate_size, config.hidden_size};
    case Projection::kDown:
      return {config.hidden_size, config.intermediate_size};
  }
  return {};
}

Linear projection(const LlamaLayer& layer, const LlamaConfig& config, Projection which) {
  const std::int64_t query = shape_of(config, Projection::kQ).out;
  const std::int64_t key = shape_of(config, Projection::kK).out;
  const auto rows = [](const Linear& fused, std::int64_t first, std::int64_t count) {
    return Linear{fused.weight.narrow(0, first, count),
                  fused.bias.defined() ? fused.bias.narrow(0, first, count) : at::Tensor()};
  };
  switch (which) {
    case Projection::kQ:
      return rows(layer.qkv, 0, query);
    case Projection::kK:
      return rows(layer.qkv, query, key);
    case Projection::kV:
      return rows(layer.qkv, query + key, key);
    case Projection::kO:
      return layer.o;
    case Projection::kGate:
      return rows(layer.gate_up, 0, config.intermediate_size);
    case Projection::kUp:
      return rows(layer.gate_up, config.intermediate_size, config.intermediate_size);
    case Projection::kDown:
      return layer.down;
  }
  return {};
}

Result<void> copy_into(at::Tensor target, const TensorView& view) {
  if (!std::ranges::equal(target.sizes(), view.shape)) {
    return fail(ErrorCode::kInvalid,
                "tensor '" + view.name + "' does not have the shape that config.json asks for");
  }
  auto type = scalar_type(view.dtype);
  if (!type) return fail(type.error().with(view.name));
  // A file's bytes may be unaligned, which ATen does not forgive.
  at::Tensor aligned = at::empty(view.shape, at::TensorOptions(*type));
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(aligned.mutable_data_ptr()));
  target.copy_(aligned);
  return {};
}

Result<LlamaWeights> load_llama(const std::string& folder, at::ScalarType dtype) {
  auto config = read_config(folder);
  if (!config) return fail(config.error());
  auto files = Checkpoint::open(folder);
  if (!files) return fail(files.error());
  LlamaWeights weights;
  weights.config = *config;
  const LlamaConfig& c = weights.config;
  Loader load(*files, dtype);
  weights.embed_tokens = load.tensor("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  for (std::size_t i = 0; i < static_cast<std::size_t>(c.num_hidden_layers); ++i) {
    using enum Projection;
    const std::string prefix = layer_name(i);
    LlamaLayer layer;
    layer.input_norm = load.tensor(prefix + ".input_layernorm.weight", {c.hidden_size});
    layer.post_attention_norm =
        load.tensor(prefix + ".post_attention_layernorm.weight", {c.hidden_size});
    layer.qkv = load.linear(c, i, {kQ, kK, kV}, c.attention_bias);
    layer.o = load.linear(c, i, {kO}, c.attention_bias);
    layer.gate_up = load.linear(c, i, {kGate, kUp}, c.mlp_bias);
    layer.down = load.linear(c, i, {kDown}, c.mlp_bias);
    weights.layers.push_back(std::move(layer));
  }
  weights.norm = load.tensor("model.norm.weight", {c.hidden_size});
  weights.lm_head = c.tie_word_embeddings
                        ? weights.embed_tokens
                        : load.tensor("lm_head.weight", {c.vocab_size, c.hidden_size});
  if (!load.outcome()) return fail(load.outcome().error().with(folder));
  return weights;
}

std::vector<NamedTensor> named_tensors(const LlamaWeights& weights) {
  std::vector<NamedTensor> all = {{"model.embed_tokens.weight", weights.embed_tokens}};
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LlamaLayer& layer = weights.layers[i];
    all.push_back({layer_name(i) + ".input_layernorm.weight", layer.input_norm});
    for (const Projection which : kProjections) {
      const Linear part = projection(layer, weights.config, which);
      all.push_back({module_name(i, which) + ".weight", part.weight});
      if (part.bias.defined()) all.push_back({module_name(i, which) + ".bias", part.bias});
    }
    all.push_back({layer_name(i) + ".post_attention_layernorm.weight", layer.post_attention_norm});
  }
  all.push_back({"model.norm.weight", weights.norm});
  if (!weights.config.tie_word_embeddings) all.push_back({"lm_head.weight", weights.lm_head});
  return all;
}

Result<void> save_llama(const LlamaWeights& weights, const std::string& folder,
                        at::ScalarType dtype) {
  LlamaConfig config = weights.config;
  config.torch_dtype = dtype == at::kBFloat16 ? "bfloat16" : "float32";
  auto written =
      write_file_atomically(posix_files(), folder + "/config.json", write_config(config));
  if (!written) return written;
  return save_tensors(folder + "/model.safetensors", named_tensors(weights), dtype);
}

Result<void> save_tensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                          at::ScalarType dtype) {
  HONE_ASSERT(dtype == at::kFloat || dtype == at::kBFloat16);
  const DType stored = dtype == at::kFloat ? DType::kF32 : DType::kBF16;
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, stored, tensor.sizes().vec()});
  auto writer = SafetensorsWriter::create(path, std::move(specs));
  if (!writer) return fail(writer.error());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor bytes = tensor.detach().to(dtype).contiguous();
    auto written = writer->write_next({static_cast<const char*>(bytes.const_data_ptr()),
                                       static_cast<std::size_t>(bytes.nbytes())});
    if (!written) return written;
  }
  return writer->finish();
}

}  // namespace hone::engine
