#include "engine/model/config.h"

#include "base/file.h"
#include "base/json.h"

namespace hone::engine {
namespace {

// Sizes above this are no model's, and their products could overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// Reads fields of one object and keeps the first problem, so that a reader is a list of
// assignments.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  void size(std::string_view name, std::int64_t& into, bool required = true) {
    const auto value = get<std::int64_t>(name, required);
    if (!value) return;
    if (*value < 1 || *value > kMaxSize) {
      note(invalid("field '" + std::string(name) + "' must be from 1 to 16777216").error());
      return;
    }
    into = *value;
  }
  void positive(std::string_view name, double& into, bool required = false) {
    const auto value = get<double>(name, required);
    if (!value) return;
    if (!(*value > 0) || *value > 1e12) {
      note(invalid("field '" + std::string(name) + "' must be a positive number").error());
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

Result<RopeScaling> read_scaling(const json::object& object) {
  RopeScaling scaling;
  std::string kind = "default";
  Reader reader(object);
  reader.text("type", kind);  // the spelling before transformers 4.43
  reader.text("rope_type", kind);
  if (kind == "default") {
    scaling.kind = RopeScaling::Kind::kNone;
  } else if (kind == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    reader.positive("factor", scaling.factor, true);
  } else if (kind == "llama3") {
    scaling.kind = RopeScaling::Kind::kLlama3;
    reader.positive("factor", scaling.factor, true);
    reader.positive("low_freq_factor", scaling.low_freq_factor, true);
    reader.positive("high_freq_factor", scaling.high_freq_factor, true);
    reader.size("original_max_position_embeddings", scaling.original_max_position_embeddings);
    if (!reader.problem() && scaling.high_freq_factor <= scaling.low_freq_factor) {
      return invalid("field 'high_freq_factor' must exceed 'low_freq_factor'");
    }
  } else {
    return invalid("rope type '" + kind + "' is not supported: default, linear or llama3");
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
    reader.positive("rope_theta", config.rope_theta);
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
  for (const json::value& item : eos->is_array() ? eos->get_array() : one) {
    auto id = as<std::int64_t>(item, "eos_token_id");
    if (!id) return fail(id.error());
    config.eos_token_ids.push_back(*id);
  }
  return {};
}

Result<void> check_architecture(const json::object& object) {
  const auto model_type = string_or_empty(object, "model_type");
  if (!model_type.empty() && model_type != "llama") {
    return invalid("field 'model_type' is '" + std::string(model_type) +
                   "': only Llama models (\"llama\") are supported");
  }
  const auto activation = string_or_empty(object, "hidden_act");
  if (!activation.empty() && activation != "silu") {
    return invalid("field 'hidden_act' is '" + std::string(activation) +
                   "': only \"silu\" is supported");
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
      return invalid("'eos_token_id' is outside the vocabulary");
  }
  return {};
}

Result<LlamaConfig> read(const json::object& object) {
  LlamaConfig config;
  Reader reader(object);
  reader.size("vocab_size", config.vocab_size);
  reader.size("hidden_size", config.hidden_size);
  reader.size("intermediate_size", config.intermediate_size);
  reader.size("num_hidden_layers", config.num_hidden_layers);
  reader.size("num_attention_heads", config.num_attention_heads);
  config.num_key_value_heads = config.num_attention_heads;
  reader.size("num_key_value_heads", config.num_key_value_heads, false);
  if (config.num_attention_heads > 0) {
    config.head_dim = config.hidden_size / config.num_attention_heads;
  }
  reader.size("head_dim", config.head_dim, false);
  reader.size("max_position_embeddings", config.max_position_embeddings, false);
  reader.positive("rms_norm_eps", config.rms_norm_eps);
  reader.positive("rope_theta", config.rope_theta);
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
