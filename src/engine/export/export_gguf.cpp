#include "engine/export/export_gguf.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "engine/export/merged_model.h"
#include "engine/export/vocabulary.h"
#include "engine/model/lora.h"
#include "engine/model/rope.h"

namespace hone::engine {
namespace {

constexpr std::string_view kRopeFreqs = "rope_freqs.weight";
constexpr std::int64_t kUsualContext = 8192;  // Llama 3's, which readers take unless told otherwise

// How llama.cpp numbers what most of a file's tensors are.
std::int64_t file_type(GgufType type) {
  switch (type) {
    case GgufType::kF32:
      return 0;
    case GgufType::kF16:
      return 1;
    case GgufType::kQ8_0:
      return 7;
    case GgufType::kBF16:
      return 32;
  }
  return 0;
}

// "runs/7/model/" is "model".
std::string last_part(const std::string& path) {
  std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

void put_general(const std::string& kind, const std::string& name, GgufType type,
                 GgufMetadata& metadata) {
  metadata.text("general.architecture", "llama");
  metadata.text("general.type", kind);
  metadata.text("general.name", name);
  metadata.integer("general.file_type", file_type(type));
  metadata.integer("general.quantization_version", 2);
}

void put_rope(const LlamaConfig& config, GgufMetadata& metadata) {
  metadata.integer("llama.rope.dimension_count", config.head_dim);
  metadata.number("llama.rope.freq_base", config.rope_theta);
  if (config.rope_scaling.kind == RopeScaling::Kind::kLinear) {
    metadata.text("llama.rope.scaling.type", "linear");
    metadata.number("llama.rope.scaling.factor", config.rope_scaling.factor);
  }
  // Llama 3's scaling is a tensor of divisors, which says all that llama.cpp needs; this key is for
  // a reader that wants the parameters back.
  const std::int64_t original = config.rope_scaling.original_max_position_embeddings;
  if (config.rope_scaling.kind == RopeScaling::Kind::kLlama3 && original != kUsualContext) {
    metadata.integer("llama.rope.scaling.original_context_length", original);
  }
}

void put_config(const LlamaConfig& config, GgufMetadata& metadata) {
  metadata.integer("llama.block_count", config.num_hidden_layers);
  metadata.integer("llama.context_length", config.max_position_embeddings);
  metadata.integer("llama.embedding_length", config.hidden_size);
  metadata.integer("llama.feed_forward_length", config.intermediate_size);
  metadata.integer("llama.attention.head_count", config.num_attention_heads);
  metadata.integer("llama.attention.head_count_kv", config.num_key_value_heads);
  metadata.integer("llama.attention.key_length", config.head_dim);
  metadata.integer("llama.attention.value_length", config.head_dim);
  metadata.number("llama.attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  metadata.integer("llama.vocab_size", config.vocab_size);
  put_rope(config, metadata);
}

// What llama.cpp divides each rotary frequency by.
at::Tensor rope_divisors(const LlamaConfig& config) {
  LlamaConfig plain = config;
  plain.rope_scaling.kind = RopeScaling::Kind::kNone;
  const std::vector<float> before = rope_frequencies(plain);
  const std::vector<float> after = rope_frequencies(config);
  const auto factor = static_cast<float>(config.rope_scaling.factor);
  at::Tensor divisors =
      at::empty({static_cast<std::int64_t>(before.size())}, at::TensorOptions(at::kFloat));
  auto* values = divisors.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < before.size(); ++i) {
    // A whole factor stays one, whatever the division rounds to.
    values[i] = after[i] == before[i] / factor ? factor : before[i] / after[i];
  }
  return divisors;
}

Result<at::Tensor> encoded(const MergedModel& model, const ModelTensor& which, GgufType type) {
  auto tensor = model.tensor(which, scalar_type_for(type));
  if (!tensor) return tensor;
  if (which.rotary_heads > 0) *tensor = in_gguf_order(*tensor, which.rotary_heads);
  return encode(*tensor, type, which.name);
}

Result<void> write_model(const MergedModel& model, const GgufMetadata& metadata,
                         const GgufExport& options) {
  const LlamaConfig& config = model.config();
  const bool divided = config.rope_scaling.kind == RopeScaling::Kind::kLlama3;
  std::vector<GgufTensorSpec> specs;
  if (divided) specs.push_back({std::string(kRopeFreqs), GgufType::kF32, {config.head_dim / 2}});
  for (const ModelTensor& each : model.tensors()) {
    specs.push_back({each.gguf_name, type_for(options.type, each.shape), each.shape});
  }
  auto writer = GgufWriter::create(options.file, metadata, std::move(specs));
  if (!writer) return fail(writer.error());
  if (divided) {
    if (auto done = writer->write_next(rope_divisors(config)); !done) return done;
  }
  std::size_t said = 0;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const ModelTensor& each = model.tensors()[i];
    auto bytes = encoded(model, each, type_for(options.type, each.shape));
    if (!bytes) return fail(bytes.error());
    if (auto done = writer->write_next(*bytes); !done) return done;
    const std::size_t tenths = (i + 1) * 10 / model.tensors().size();
    if (tenths == said) continue;
    said = tenths;
    std::fprintf(stderr, "export: %zu of %zu tensors\n", i + 1, model.tensors().size());
  }
  if (auto whole = model.still_whole(); !whole) return whole;
  return writer->finish();
}

// llama.cpp has one scale, alpha / r; and takes an alpha of 0 for a scale of 1.
Result<double> gguf_alpha(const LoraConfig& config) {
  const double alpha = config.scale() * static_cast<double>(config.r);
  if (alpha != 0 && std::isfinite(alpha)) return alpha;
  return fail(ErrorCode::kInvalid,
              "lora_alpha is 0, which llama.cpp would take for a scale of 1: such an adapter does "
              "nothing, so leave it out");
}

}  // namespace

at::Tensor in_gguf_order(const at::Tensor& tensor, std::int64_t heads) {
  const std::int64_t half = tensor.size(0) / heads / 2;
  return tensor.reshape({heads, 2, half, tensor.numel() / tensor.size(0)})
      .transpose(1, 2)
      .reshape(tensor.sizes())
      .contiguous();
}

Result<void> export_gguf(const GgufExport& options) {
  auto model = MergedModel::open(options.model, options.adapters);
  if (!model) return fail(model.error());
  const auto vocabulary = read_vocabulary(options.model, model->config());
  if (!vocabulary) return fail(vocabulary.error());
  for (const std::string& note : vocabulary->notes) {
    std::fprintf(stderr, "export: note: %s\n", note.c_str());
  }
  GgufMetadata metadata;
  put_general("model", last_part(options.model), options.type, metadata);
  put_config(model->config(), metadata);
  put_vocabulary(*vocabulary, metadata);
  if (auto done = write_model(*model, metadata, options); !done) {
    return fail(done.error().with(options.model));
  }
  std::fprintf(stderr, "export: %s\n", options.file.c_str());
  return {};
}

Result<void> export_gguf_adapter(const GgufAdapterExport& options) {
  const auto config = read_config(options.model);
  if (!config) return fail(config.error());
  const auto adapter = load_lora(options.adapter, *config);
  if (!adapter) return fail(adapter.error());
  const auto alpha = gguf_alpha(adapter->config);
  if (!alpha) return fail(alpha.error().with(options.adapter));
  GgufMetadata metadata;
  put_general("adapter", last_part(options.adapter), options.type, metadata);
  metadata.text("adapter.type", "lora");
  metadata.number("adapter.lora.alpha", *alpha);

  std::vector<GgufTensorSpec> specs;
  std::vector<at::Tensor> tensors;
  const auto add = [&](std::string name, const at::Tensor& matrix) {
    const auto shape = matrix.sizes().vec();
    specs.push_back({std::move(name), type_for(options.type, shape), shape});
    tensors.push_back(matrix);
  };
  for (std::size_t layer = 0; layer < adapter->layers.size(); ++layer) {
    for (const Projection which : adapter->config.targets) {
      const LoraPair& pair = adapter->layers[layer][static_cast<std::size_t>(which)];
      const std::string name = gguf_module_name(layer, which) + ".weight";
      const std::int64_t heads = rotary_heads(*config, which);
      add(name + ".lora_a", pair.a);
      add(name + ".lora_b", heads > 0 ? in_gguf_order(pair.b, heads) : pair.b);
    }
  }
  auto writer = GgufWriter::create(options.file, metadata, specs);
  if (!writer) return fail(writer.error());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const GgufType type = specs[i].type;
    auto bytes = encode(tensors[i].to(scalar_type_for(type)), type, specs[i].name);
    if (!bytes) return fail(bytes.error().with(options.adapter));
    if (auto done = writer->write_next(*bytes); !done) return done;
  }
  if (auto done = writer->finish(); !done) return done;
  std::fprintf(stderr, "export: %s\n", options.file.c_str());
  return {};
}

}  // namespace hone::engine
