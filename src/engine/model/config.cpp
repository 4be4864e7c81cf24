#include "engine/model/config.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

// Sizes above these are no model's, and their products could overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;
constexpr std::int64_t kMaxLayers = 1 << 14;
constexpr std::int64_t kMaxHeads = 1 << 16;
constexpr std::size_t kMaxEosTokens = 1024;

// What other models, or later versions of this one, compute with. A field that is null, false, zero
// or empty asks for nothing; neither does a multiplier of 1.
constexpr std::array<std::string_view, 31> kUnsupported = {"quantization_config",
                                                           "compression_config",
                                                           "sliding_window",
                                                           "attention_chunk_size",
                                                           "num_local_experts",
                                                           "num_experts",
                                                           "n_routed_experts",
                                                           "num_experts_per_tok",
                                                           "moe_intermediate_size",
                                                           "expert_layer_period",
                                                           "q_lora_rank",
                                                           "kv_lora_rank",
                                                           "attn_logit_softcapping",
                                                           "final_logit_softcapping",
                                                           "query_pre_attn_scalar",
                                                           "use_qk_norm",
                                                           "qk_norm",
                                                           "qkv_bias",
                                                           "use_qkv_bias",
                                                           "clip_qkv",
                                                           "no_rope_layers",
                                                           "no_rope_layer_interval",
                                                           "use_parallel_residual",
                                                           "parallel_attn",
                                                           "cross_attention_layers",
                                                           "num_nextn_predict_layers",
                                                           "is_encoder_decoder",
                                                           "add_cross_attention",
                                                           "alibi",

                                                           "text_config",
                                                           "vision_config"};
constexpr std::array<std::string_view, 7> kMultipliers = {
    "partial_rotary_factor", "logit_scale",          "logits_scaling", "attention_multiplier",
    "residual_multiplier",   "embedding_multiplier", "embedding_scale"};
constexpr std::array<std::string_view, 5> kArchitectures = {
    "LlamaForCausalLM", "LLaMAForCausalLM", "LlamaForSequenceClassification", "LlamaModel",
    "LlamaForTokenClassification"};

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", number);
  return text.data();
}

// Reads fields of one object and keeps the first problem, so that a reader is a list of
// assignments.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  void size(std::string_view name, std::int64_t& into, bool required = true,
            std::int64_t most = kMaxSize) {
    const auto value = get<std::int64_t>(name, required);
    if (!value) return;
    if (*value < 1 || *value > most) {
      note(invalid("field '" + std::string(name) + "' must be from 1 to " + std::to_string(most) +
                   ", not " + std::to_string(*value))
               .error());
      return;
    }
    into = *value;
  }
  void number(std::string_view name, double& into, double least, double most,
              bool required = false) {
    const auto value = get<double>(name, required);
    if (!value) return;
    if (!(*value >= least && *value <= most)) {
      note(invalid("field '" + std::string(name) + "' must be from " + number_text(least) + " to " +
                   number_text(most) + ", not " + number_text(*value))
               .error());
      return;
    }
    into = *value;
  }
  void flag(std::string_view name, bool& into) {
    if (const auto value = get<bool>(name, false)) into = *value;
  }
  void text(std::string_view name, std::string& into) {
    if (auto value = get<std::string>(name, false)) into = std::move(*value);
  }
  void note(Error error) {
    if (!problem_) problem_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  template <typename T>
  std::optional<T> get(std::string_view name, bool required) {
    auto value = optional_field<T>(object_, name);
    if (!value) {
      note(value.error());
      return std::nullopt;
    }
    if (!*value && required) note(invalid("field '" + std::string(name) + "' is missing").error());
    return std::move(*value);
  }

  const json::object& object_;
  std::optional<Error> problem_;
};

// The kind, by its name now (`rope_type`) or before transformers 4.43 (`type`).
Result<std::string> kind_of_scaling(const json::object& object) {
  auto now = optional_field<std::string>(object, "rope_type");
  if (!now) return fail(now.error());
  auto before = optional_field<std::string>(object, "type");
  if (!before) return fail(before.error());
  if (*now && *before && **now != **before) {
    return invalid("fields 'rope_type' and 'type' differ: " + in_quotes(**now) + " and " +
                   in_quotes(**before));
  }
  if (*now) return std::move(**now);
  if (*before) return std::move(**before);
  for (const auto& member : object) {
    if (member.key() == "rope_theta" || member.value().is_null()) continue;
    // "factor", or the parameters of each kind of layer (transformers 5).
    return invalid("field 'rope_type' is missing, which says what " + in_quotes(member.key()) +
                   " means");
  }
  return std::string("default");
}

Result<RopeScaling> read_scaling(const json::object& object) {
  RopeScaling scaling;
  const auto kind = kind_of_scaling(object);
  if (!kind) return fail(kind.error());
  Reader reader(object);
  if (*kind == "default") {
    scaling.kind = RopeScaling::Kind::kNone;
  } else if (*kind == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    reader.number("factor", scaling.factor, 1.0, 1e6, true);
  } else if (*kind == "llama3") {
    scaling.kind = RopeScaling::Kind::kLlama3;
    reader.number("factor", scaling.factor, 1.0, 1e6, true);
    reader.number("low_freq_factor", scaling.low_freq_factor, 1e-6, 1e6, true);
    reader.number("high_freq_factor", scaling.high_freq_factor, 1e-6, 1e6, true);
    reader.size("original_max_position_embeddings", scaling.original_max_position_embeddings);
    if (!reader.problem() && scaling.high_freq_factor <= scaling.low_freq_factor) {
      return invalid("field 'high_freq_factor' must exceed 'low_freq_factor'");
    }
  } else {
    return invalid("rope type " + in_quotes(*kind) +
                   " is not supported: default, linear or llama3");
  }
  if (reader.problem()) return fail(*reader.problem());
  return scaling;
}

Result<void> read_rope(const json::object& object, LlamaConfig& config) {
  for (const std::string_view name : {"rope_scaling", "rope_parameters"}) {
    auto given = optional_field<json::object>(object, name);
    if (!given) return fail(given.error());
    if (!*given) continue;
    auto scaling = read_scaling(**given);
    if (!scaling) return fail(scaling.error().with(name));
    config.rope_scaling = *scaling;
    Reader reader(**given);
    reader.number("rope_theta", config.rope_theta, 1.0, 1e12);
    if (reader.problem()) return fail(reader.problem()->with(name));
  }
  return {};
}

Result<void> read_token_ids(const json::object& object, LlamaConfig& config) {
  auto bos = optional_field<std::int64_t>(object, "bos_token_id");
  if (!bos) return fail(bos.error());
  config.bos_token_id = *bos;
  const json::value* eos = object.if_contains("eos_token_id");
  if (eos == nullptr || eos->is_null()) return {};
  const json::array one{*eos};
  if (eos->is_array() && eos->get_array().size() > kMaxEosTokens) {
    return invalid("field 'eos_token_id' has more than 1024 tokens");
  }
  for (const json::value& item : eos->is_array() ? eos->get_array() : one) {
    auto id = as<std::int64_t>(item, "eos_token_id");
    if (!id) return fail(id.error());
    config.eos_token_ids.push_back(*id);
  }
  return {};
}

Result<void> check_name(const json::object& object, std::string_view field_name,
                        std::string_view only) {
  const auto given = optional_field<std::string>(object, field_name);
  if (!given) return fail(given.error());
  if (given->value_or(std::string(only)) == only) return {};
  return invalid("field '" + std::string(field_name) + "' is " + in_quotes(**given) + ": only \"" +
                 std::string(only) + "\" is supported");
}

Result<void> check_architecture(const json::object& object) {
  if (auto llama = check_name(object, "model_type", "llama"); !llama) return llama;
  if (auto silu = check_name(object, "hidden_act", "silu"); !silu) return silu;
  const auto architectures = optional_field<json::array>(object, "architectures");
  if (!architectures) return fail(architectures.error());
  if (!*architectures) return {};
  for (const json::value& item : **architectures) {
    const auto name = as<std::string>(item, "architectures");
    if (!name) return fail(name.error());
    if (std::ranges::find(kArchitectures, *name) == kArchitectures.end()) {
      return invalid("field 'architectures' names " + in_quotes(*name) +
                     ": only LlamaForCausalLM and its kin are supported");
    }
  }
  return {};
}

bool asks_for_nothing(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return true;
    case json::kind::bool_:
      return !value.get_bool();
    case json::kind::string:
      return value.get_string().empty();
    case json::kind::array:
      return value.get_array().empty();
    case json::kind::object:
      return value.get_object().empty();
    default:
      return value.to_number<double>() == 0;
  }
}

Result<void> check_features(const json::object& object) {
  for (const std::string_view name : kUnsupported) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || asks_for_nothing(*value)) continue;
    // Qwen's way to have a window and not to use it.
    const json::value* used = object.if_contains("use_sliding_window");
    if (name == "sliding_window" && used != nullptr && asks_for_nothing(*used)) continue;
    return invalid("field '" + std::string(name) + "' is not supported");
  }
  for (const std::string_view name : kMultipliers) {
    const auto value = optional_field<double>(object, name);
    if (!value) return fail(value.error());
    if (value->value_or(1.0) != 1.0) {
      return invalid("field '" + std::string(name) + "' is not supported, but for 1");
    }
  }
  const auto layers = optional_field<json::array>(object, "layer_types");
  if (!layers) return fail(layers.error());
  for (const json::value& item : layers->value_or(json::array())) {
    if (item.is_string() && item.get_string() == "full_attention") continue;
    return invalid("field 'layer_types': only \"full_attention\" is supported");
  }
  return {};
}

Result<void> check_shapes(const LlamaConfig& config) {
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    return invalid("'num_key_value_heads' must divide 'num_attention_heads'");
  }
  if (config.head_dim % 2 != 0) return invalid("'head_dim' must be even");
  for (const std::int64_t id : config.eos_token_ids) {
    if (id < 0 || id >= config.vocab_size)
      return invalid("'eos_token_id' is outside the vocabulary: " + std::to_string(id));
  }
  const std::int64_t bos = config.bos_token_id.value_or(0);
  if (bos < 0 || bos >= config.vocab_size)
    return invalid("'bos_token_id' is outside the vocabulary: " + std::to_string(bos));
  return {};
}

Result<LlamaConfig> read(const json::object& object) {
  LlamaConfig config;
  Reader reader(object);
  reader.size("vocab_size", config.vocab_size);
  reader.size("hidden_size", config.hidden_size);
  reader.size("intermediate_size", config.intermediate_size);
  reader.size("num_hidden_layers", config.num_hidden_layers, true, kMaxLayers);
  reader.size("num_attention_heads", config.num_attention_heads, true, kMaxHeads);
  config.num_key_value_heads = config.num_attention_heads;
  reader.size("num_key_value_heads", config.num_key_value_heads, false, kMaxHeads);
  const bool divides =
      config.num_attention_heads > 0 && config.hidden_size % config.num_attention_heads == 0;
  if (divides) config.head_dim = config.hidden_size / config.num_attention_heads;
  reader.size("head_dim", config.head_dim, false, kMaxHeads);
  if (config.head_dim == 0) {
    reader.note(
        invalid("'num_attention_heads' must divide 'hidden_size' where there is no 'head_dim'")
            .error());
  }
  reader.size("max_position_embeddings", config.max_position_embeddings, false);
  reader.number("rms_norm_eps", config.rms_norm_eps, 1e-12, 1.0);
  reader.number("rope_theta", config.rope_theta, 1.0, 1e12);
  reader.flag("tie_word_embeddings", config.tie_word_embeddings);
  reader.flag("attention_bias", config.attention_bias);
  reader.flag("mlp_bias", config.mlp_bias);
  reader.text("torch_dtype", config.torch_dtype);
  reader.text("dtype", config.torch_dtype);
  if (reader.problem()) return fail(*reader.problem());
  if (auto rope = read_rope(object, config); !rope) return fail(rope.error());
  if (auto ids = read_token_ids(object, config); !ids) return fail(ids.error());
  if (auto shapes = check_shapes(config); !shapes) return fail(shapes.error());
  return config;
}

json::value scaling_json(const RopeScaling& scaling) {
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      return nullptr;
    case RopeScaling::Kind::kLinear:
      return json::object{{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScaling::Kind::kLlama3:
      break;
  }
  return json::object{
      {"rope_type", "llama3"},
      {"factor", scaling.factor},
      {"low_freq_factor", scaling.low_freq_factor},
      {"high_freq_factor", scaling.high_freq_factor},
      {"original_max_position_embeddings", scaling.original_max_position_embeddings}};
}

}  // namespace

Result<LlamaConfig> parse_config(std::string_view text, std::string_view name) {
  auto object = parse_json_object(text);
  if (!object) return fail(object.error().with(name));
  if (auto fits = check_architecture(*object); !fits) return fail(fits.error().with(name));
  if (auto fits = check_features(*object); !fits) return fail(fits.error().with(name));
  auto config = read(*object);
  if (!config) return fail(config.error().with(name));
  return config;
}

Result<LlamaConfig> read_config(const std::string& model_folder) {
  const std::string path = model_folder + "/config.json";
  auto text = read_file(posix_files(), path, 1U << 20);
  if (!text) return fail(text.error());
  return parse_config(*text, path);
}

std::string write_config(const LlamaConfig& config) {
  json::value eos = nullptr;
  if (config.eos_token_ids.size() == 1) eos = config.eos_token_ids.front();
  if (config.eos_token_ids.size() > 1) {
    eos = json::array(config.eos_token_ids.begin(), config.eos_token_ids.end());
  }
  const json::object object{
      {"architectures", json::array{"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_attention_heads", config.num_attention_heads},
      {"num_key_value_heads", config.num_key_value_heads},
      {"head_dim", config.head_dim},
      {"max_position_embeddings", config.max_position_embeddings},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_theta},
      {"rope_scaling", scaling_json(config.rope_scaling)},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"attention_bias", config.attention_bias},
      {"mlp_bias", config.mlp_bias},
      {"bos_token_id", config.bos_token_id ? json::value(*config.bos_token_id) : json::value()},
      {"eos_token_id", eos},
      {"hidden_act", "silu"},
      {"torch_dtype", config.torch_dtype},
  };
  std::string text = "{\n";
  for (const auto& member : object) {
    text += "  " + json::serialize(member.key()) + ": " + json::serialize(member.value());
    text += &member == &*std::prev(object.end()) ? "\n" : ",\n";
  }
  return text + "}\n";
}

}  // namespace hone::engine
