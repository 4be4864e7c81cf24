#include "engine/model/llama.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <exception>
#include <set>

#include "base/file.h"
#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

std::string layer_name(std::size_t layer) {
  return "model.layers." + std::to_string(layer);
}

// Of a weight that check_weight let pass.
at::ScalarType scalar_type(DType dtype) {
  return dtype == DType::kF32 ? at::kFloat : dtype == DType::kF16 ? at::kHalf : at::kBFloat16;
}

// Takes tensors out of a checkpoint by name. No memory is taken for one before it is known to be
// there in its shape, so that a configuration alone can ask for nothing.
class Loader {
 public:
  Loader(const Checkpoint& files, at::ScalarType dtype) : files_(files), dtype_(dtype) {}

  [[nodiscard]] at::Tensor tensor(const std::string& name, at::IntArrayRef shape) {
    const TensorView* view = find(name, shape);
    if (view == nullptr) return {};
    at::Tensor target = at::empty(shape, at::TensorOptions(dtype_));
    fill(target, *view);
    return target;
  }

  // The projections of `parts`, which stand in this order in one matrix.
  [[nodiscard]] Linear linear(const LlamaConfig& config, std::size_t layer,
                              std::initializer_list<Projection> parts, bool has_bias) {
    std::int64_t rows = 0;
    std::vector<const TensorView*> weights;
    std::vector<const TensorView*> biases;
    for (const Projection part : parts) {
      const Shape shape = shape_of(config, part);
      rows += shape.out;
      weights.push_back(find(module_name(layer, part) + ".weight", {shape.out, shape.in}));
      if (has_bias) biases.push_back(find(module_name(layer, part) + ".bias", {shape.out}));
    }
    if (!outcome_) return {};
    Linear fused;
    fused.weight =
        at::empty({rows, shape_of(config, *parts.begin()).in}, at::TensorOptions(dtype_));
    if (has_bias) fused.bias = at::empty({rows}, at::TensorOptions(dtype_));
    std::int64_t row = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::int64_t out = weights[i]->shape[0];
      fill(fused.weight.narrow(0, row, out), *weights[i]);
      if (has_bias) fill(fused.bias.narrow(0, row, out), *biases[i]);
      row += out;
    }
    return fused;
  }

  [[nodiscard]] bool good() const { return outcome_.has_value(); }

  // The first failure. A tensor that nobody asked for is one: the model computes something with it
  // that would be left out here. But for RoPE's frequencies, which old files carry; the head of
  // tied embeddings; and a reward model's, which is read elsewhere.
  [[nodiscard]] Result<void> finish() const {
    if (!outcome_) return outcome_;
    for (const SafetensorsFile& file : files_.files()) {
      for (const TensorView& view : file.tensors()) {
        if (asked_.contains(view.name) || view.name.ends_with(".rotary_emb.inv_freq") ||
            view.name == "lm_head.weight" || view.name == "score.weight") {
          continue;
        }
        return fail(ErrorCode::kInvalid,
                    "tensor " + in_quotes(view.name) + " has no place in the model of config.json");
      }
    }
    return files_.still_whole();
  }

 private:
  const TensorView* find(const std::string& name, at::IntArrayRef shape) {
    if (!outcome_) return nullptr;
    const TensorView* view = files_.find(name);
    if (view == nullptr) {
      outcome_ = fail(ErrorCode::kInvalid, "tensor '" + name + "' is missing");
      return nullptr;
    }
    outcome_ = check_weight(*view, {shape.data(), shape.size()});
    asked_.insert(view->name);
    return outcome_ ? view : nullptr;
  }

  void fill(at::Tensor target, const TensorView& view) {
    if (outcome_) outcome_ = copy_into(std::move(target), view);
  }

  const Checkpoint& files_;
  at::ScalarType dtype_;
  Result<void> outcome_;  // the first failure
  std::set<std::string_view> asked_;
};

Result<LlamaWeights> read_weights(const LlamaConfig& config, const Checkpoint& files,
                                  at::ScalarType dtype) {
  LlamaWeights weights;
  weights.config = config;
  const LlamaConfig& c = weights.config;
  Loader load(files, dtype);
  weights.embed_tokens = load.tensor("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  const auto layers = static_cast<std::size_t>(c.num_hidden_layers);
  for (std::size_t i = 0; i < layers && load.good(); ++i) {
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
  if (auto done = load.finish(); !done) return fail(done.error());
  return weights;
}

}  // namespace

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
  const at::IntArrayRef shape = target.sizes();
  if (auto good = check_weight(view, {shape.data(), shape.size()}); !good) return good;
  // A file's bytes may be unaligned, which ATen does not forgive.
  at::Tensor aligned = at::empty(view.shape, at::TensorOptions(scalar_type(view.dtype)));
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(aligned.mutable_data_ptr()));
  target.copy_(aligned);
  return {};
}

Result<LlamaWeights> load_llama(const std::string& folder, at::ScalarType dtype) {
  auto config = read_config(folder);
  if (!config) return fail(config.error());
  auto files = Checkpoint::open(folder);
  if (!files) return fail(files.error());
  try {
    auto weights = read_weights(*config, *files, dtype);
    if (!weights) return fail(weights.error().with(folder));
    return weights;
  } catch (const std::exception& error) {  // libtorch, where memory is short
    return fail(ErrorCode::kUnavailable,
                folder + ": the weights cannot be read into memory: " + first_line(error.what()));
  }
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
