#include "engine/model/import.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>
#include <optional>
#include <set>
#include <tuple>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/config.h"
#include "engine/model/gguf.h"
#include "engine/model/half.h"
#include "engine/model/import_tokenizer.h"
#include "engine/model/in_quotes.h"
#include "engine/model/model_tensors.h"
#include "engine/model/safetensors.h"
#include "engine/model/whole_folder.h"

namespace hone::engine {
namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// One tensor of the model: where it comes from, and what it becomes.
struct Weight {
  std::string hf_name;
  const GgufTensor* source = nullptr;
  std::int64_t heads = 0;  // of rows in llama.cpp's order; 0: the order is the same
};

Result<void> read_sizes(const GgufFile& file, LlamaConfig& config) {
  const auto read = [&file](std::string_view key, std::int64_t& into) -> Result<void> {
    auto value = file.integer(key);
    if (!value) return fail(value.error());
    into = *value;
    return {};
  };
  for (const auto& [key, into] :
       {std::pair("llama.block_count", &config.num_hidden_layers),
        std::pair("llama.embedding_length", &config.hidden_size),
        std::pair("llama.feed_forward_length", &config.intermediate_size),
        std::pair("llama.attention.head_count", &config.num_attention_heads),
        std::pair("llama.context_length", &config.max_position_embeddings)}) {
    if (auto done = read(key, *into); !done) return done;
    if (*into < 1 || *into > 1 << 24) return invalid(std::string(key) + " is out of range");
  }
  const std::int64_t head_size = config.hidden_size / config.num_attention_heads;
  for (const auto& [key, into, otherwise] :
       {std::tuple("llama.attention.head_count_kv", &config.num_key_value_heads,
                   config.num_attention_heads),
        std::tuple("llama.attention.key_length", &config.head_dim, head_size)}) {
    auto value = file.integer_if(key);
    if (!value) return fail(value.error());
    *into = value->value_or(otherwise);
    if (*into < 1 || *into > 1 << 24) return invalid(std::string(key) + " is out of range");
  }
  for (const char* key : {"llama.rope.dimension_count", "llama.attention.value_length"}) {
    auto value = file.integer_if(key);
    if (!value) return fail(value.error());
    if (value->value_or(config.head_dim) == config.head_dim) continue;
    return invalid(std::string(key) + " differs from the head size: " +
                   "partial RoPE and values of another size are not supported");
  }
  return {};
}

// What llama.cpp does under the name of "llama" and this engine does not. A key that is 0 or false
// asks for nothing.
Result<void> refuse_unsupported(const GgufFile& file) {
  for (const char* key :
       {"llama.expert_count", "llama.expert_used_count", "llama.attention.sliding_window",
        "llama.attention.scale", "llama.attention.clamp_kqv", "llama.attn_logit_softcapping",
        "llama.final_logit_softcapping", "llama.logit_scale", "llama.residual_scale",
        "llama.embedding_scale", "llama.use_parallel_residual"}) {
    const GgufValue* value = file.find(key);
    if (value == nullptr) continue;
    const auto* number = std::get_if<double>(value);
    const auto* integer = std::get_if<std::int64_t>(value);
    const auto* flag = std::get_if<bool>(value);
    const bool off = (number != nullptr && *number == 0) || (integer != nullptr && *integer == 0) ||
                     (flag != nullptr && !*flag);
    if (!off) return invalid(std::string(key) + " is not supported");
  }
  const auto* causal = file.find_as<bool>("llama.attention.causal");
  if (causal != nullptr && !*causal) return invalid("llama.attention.causal must be true");
  return {};
}

// Llama 3.1's stretching comes as one divisor a frequency, not as parameters. All models so far
// have the parameters tried here, up to the factor and `original_context` (which our own export
// writes where it is not the usual one); the divisors must agree with them.
Result<RopeScaling> scaling_of_divisors(const GgufTensor& tensor, const LlamaConfig& config,
                                        std::optional<std::int64_t> original_context) {
  auto divisors = dequantise(tensor);
  if (!divisors) return fail(divisors.error());
  if (static_cast<std::int64_t>(divisors->size()) != config.head_dim / 2) {
    return invalid("rope_freqs.weight does not fit the head size");
  }
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.factor = *std::max_element(divisors->begin(), divisors->end());
  if (original_context) scaling.original_max_position_embeddings = *original_context;
  const auto original = static_cast<double>(scaling.original_max_position_embeddings);
  for (std::size_t i = 0; i < divisors->size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double wavelength = 2 * M_PI * std::pow(config.rope_theta, exponent);
    const double smooth = std::clamp((original / wavelength - scaling.low_freq_factor) /
                                         (scaling.high_freq_factor - scaling.low_freq_factor),
                                     0.0, 1.0);
    const double expected = 1.0 / ((1 - smooth) / scaling.factor + smooth);
    if (!(std::abs((*divisors)[i] - expected) <= 1e-3 * expected)) {  // what is no number, too
      return invalid("rope_freqs.weight is not Llama 3's RoPE scaling");
    }
  }
  return scaling;
}

Result<void> read_rope(const GgufFile& file, LlamaConfig& config) {
  if (file.find("llama.rope.freq_base") != nullptr) {
    auto theta = file.number("llama.rope.freq_base");
    if (!theta) return fail(theta.error());
    config.rope_theta = *theta;
  }
  if (const GgufTensor* divisors = file.find_tensor("rope_freqs.weight")) {
    const auto original = file.integer_if("llama.rope.scaling.original_context_length");
    if (!original) return fail(original.error());
    auto scaling = scaling_of_divisors(*divisors, config, *original);
    if (!scaling) return fail(scaling.error());
    config.rope_scaling = *scaling;
  }
  const auto* type = file.find_as<std::string_view>("llama.rope.scaling.type");
  if (type == nullptr && file.find("llama.rope.scaling.type") != nullptr) {
    return invalid("llama.rope.scaling.type must be text");
  }
  if (type == nullptr || *type == "none") return {};
  if (*type != "linear")
    return invalid("llama.rope.scaling.type " + in_quotes(*type) + " is not supported");
  if (config.rope_scaling.kind != RopeScaling::Kind::kNone) {
    return invalid(
        "llama.rope.scaling.type is 'linear' beside rope_freqs.weight: it is one or the other");
  }
  auto factor = file.number("llama.rope.scaling.factor");
  if (!factor) return fail(factor.error());
  config.rope_scaling.kind = RopeScaling::Kind::kLinear;
  config.rope_scaling.factor = *factor;
  return {};
}

Result<LlamaConfig> config_of(const GgufFile& file, const ImportOptions& options) {
  auto architecture = file.text("general.architecture");
  if (!architecture) return fail(architecture.error());
  if (*architecture != "llama") {
    return invalid("general.architecture is " + in_quotes(*architecture) +
                   ": only llama is supported");
  }
  if (auto plain = refuse_unsupported(file); !plain) return fail(plain.error());
  LlamaConfig config;
  if (auto sizes = read_sizes(file, config); !sizes) return fail(sizes.error());
  auto epsilon = file.number("llama.attention.layer_norm_rms_epsilon");
  if (!epsilon) return fail(epsilon.error());
  config.rms_norm_eps = *epsilon;
  if (auto rope = read_rope(file, config); !rope) return fail(rope.error());
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    return invalid("the GGUF file has no token_embd.weight");
  config.vocab_size = embedding->shape[0];
  config.tie_word_embeddings = file.find_tensor("output.weight") == nullptr;
  config.attention_bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  config.mlp_bias = file.find_tensor("blk.0.ffn_up.bias") != nullptr;
  auto bos = file.integer_if("tokenizer.ggml.bos_token_id");
  if (!bos) return fail(bos.error());
  config.bos_token_id = *bos;
  auto ends = end_tokens_of(file);
  if (!ends) return fail(ends.error());
  config.eos_token_ids = std::move(*ends);
  config.torch_dtype = options.dtype == "f32" ? "float32" : "bfloat16";
  return parse_config(write_config(config),
                      "the GGUF file's model");  // holds the rules of config.h
}

// The file's tensors under Hugging Face's names, each in the shape it must have. One that is no
// part of such a model changes what the model computes.
Result<std::vector<Weight>> weights_of(const GgufFile& file, const LlamaConfig& config) {
  std::vector<Weight> weights;
  std::set<std::string_view> used{"rope_freqs.weight"};
  for (ModelTensor& each : tensors_of(config)) {
    const GgufTensor* source = file.find_tensor(each.gguf_name);
    if (source == nullptr || source->shape != each.shape) {
      return invalid("tensor '" + each.gguf_name +
                     (source == nullptr ? "' is missing" : "' has another shape than the model"));
    }
    used.insert(source->name);
    weights.push_back({std::move(each.name), source, each.rotary_heads});
  }
  for (const GgufTensor& tensor : file.tensors()) {
    // Old files carry RoPE's frequencies, which follow from the configuration.
    if (used.contains(tensor.name) || tensor.name.ends_with(".attn_rot_embd.weight") ||
        tensor.name.ends_with(".rope_freqs.weight")) {
      continue;
    }
    return invalid("tensor " + in_quotes(tensor.name) + " is not one of a Llama with these sizes");
  }
  return weights;
}

// llama.cpp keeps rotary pairs side by side: within a head of size d, its row 2j + k is Hugging
// Face's row k d/2 + j.
std::vector<float> reorder_rows(const std::vector<float>& values, std::int64_t rows,
                                std::int64_t heads) {
  const std::int64_t columns = static_cast<std::int64_t>(values.size()) / rows;
  const std::int64_t head_dim = rows / heads;
  std::vector<float> reordered(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t head = row / head_dim;
    const std::int64_t within = row % head_dim;
    const std::int64_t target = head * head_dim + within % 2 * (head_dim / 2) + within / 2;
    std::copy_n(values.begin() + row * columns, columns, reordered.begin() + target * columns);
  }
  return reordered;
}

std::string bytes_of(const std::vector<float>& values, DType dtype) {
  if (dtype == DType::kF32) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }
  std::vector<std::uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), bf16_of_float);
  return {reinterpret_cast<const char*>(halves.data()), halves.size() * sizeof(std::uint16_t)};
}

Result<void> write_weights(const std::vector<Weight>& weights, DType dtype,
                           const std::string& path) {
  std::vector<TensorSpec> specs;
  specs.reserve(weights.size());
  for (const Weight& weight : weights)
    specs.push_back({weight.hf_name, dtype, weight.source->shape});
  auto writer = SafetensorsWriter::create(path, std::move(specs));
  if (!writer) return fail(writer.error());
  std::size_t said = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Weight& weight = weights[i];
    auto values = dequantise(*weight.source);
    if (!values) return fail(values.error());
    if (weight.heads > 0) *values = reorder_rows(*values, weight.source->shape[0], weight.heads);
    if (auto done = writer->write_next(bytes_of(*values, dtype)); !done) return done;
    const std::size_t tenths = (i + 1) * 10 / weights.size();
    if (tenths == said) continue;
    said = tenths;
    std::fprintf(stderr, "import: %zu of %zu tensors\n", i + 1, weights.size());
  }
  return writer->finish();
}

Result<void> write_texts(const GgufFile& file, const LlamaConfig& config,
                         const std::string& folder) {
  auto tokenizer = tokenizer_json_of(file);
  if (!tokenizer) return fail(tokenizer.error());
  auto tokenizer_config = tokenizer_config_of(file);
  if (!tokenizer_config) return fail(tokenizer_config.error());
  json::object generation{
      {"do_sample", false},
      {"eos_token_id", json::array(config.eos_token_ids.begin(), config.eos_token_ids.end())}};
  if (config.bos_token_id) generation["bos_token_id"] = *config.bos_token_id;
  for (const auto& [name, text] :
       {std::pair("/config.json", write_config(config)),
        std::pair("/tokenizer.json", std::move(*tokenizer)),
        std::pair("/tokenizer_config.json", std::move(*tokenizer_config)),
        std::pair("/generation_config.json", json::serialize(generation))}) {
    if (auto done = write_file_atomically(posix_files(), folder + name, text); !done) return done;
  }
  return {};
}

Result<void> import_into(const GgufFile& file, const ImportOptions& options,
                         const std::string& part) {
  auto config = config_of(file, options);
  if (!config) return fail(config.error());
  auto weights = weights_of(file, *config);
  if (!weights) return fail(weights.error());
  if (auto done = write_texts(file, *config, part); !done) return done;
  const DType dtype = options.dtype == "f32" ? DType::kF32 : DType::kBF16;
  auto written = write_weights(*weights, dtype, part + "/model.safetensors");
  return written ? file.still_whole() : written;
}

// One tensor at a time is unpacked, and even that may be more than there is memory.
Result<void> import_within_memory(const GgufFile& file, const ImportOptions& options,
                                  const std::string& part) {
  try {
    return import_into(file, options, part);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kUnavailable, "there is not enough memory to unpack its largest tensor");
  }
}

}  // namespace

Result<void> import_gguf(const ImportOptions& options) {
  auto whole = WholeFolder::begin(options.folder, options.replace);
  if (!whole) return fail(whole.error());
  auto file = GgufFile::open(options.gguf_path);
  if (!file) return fail(file.error());
  const std::string folder = whole->folder();
  auto done = import_within_memory(*file, options, whole->part());
  if (done) done = whole->finish();
  if (!done) return fail(done.error().with(options.gguf_path));
  std::fprintf(stderr, "import: %s\n", folder.c_str());
  return {};
}

}  // namespace hone::engine
