#include "engine/model/lora_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/json.h"
#include "engine/model/in_quotes.h"

namespace hone::engine {
namespace {

constexpr double kMaxAlpha = 1e6;

// All of PEFT's that change what an adapter computes.
constexpr std::array<std::string_view, 19> kMustBeOff = {"use_dora",
                                                         "modules_to_save",
                                                         "rank_pattern",
                                                         "alpha_pattern",
                                                         "fan_in_fan_out",
                                                         "layers_to_transform",
                                                         "lora_bias",
                                                         "layer_replication",
                                                         "megatron_config",
                                                         "trainable_token_indices",
                                                         "target_parameters",
                                                         "exclude_modules",
                                                         "use_qalora",
                                                         "use_bdlora",
                                                         "alora_invocation_tokens",
                                                         "arrow_config",
                                                         "velora_config",
                                                         "kasa_config",
                                                         "monteclora_config"};

// A field that changes what an adapter computes, in a way that is not done here, must be off.
Result<void> must_be_off(const json::object& config, std::string_view field) {
  const json::value* value = config.if_contains(field);
  const bool off = value == nullptr || value->is_null() ||
                   (value->is_bool() && !value->get_bool()) ||
                   (value->is_object() && value->get_object().empty()) ||
                   (value->is_array() && value->get_array().empty());
  if (off) return {};
  return fail(ErrorCode::kInvalid, "field '" + std::string(field) + "' is not supported");
}

// A list of names, or one string: "all-linear" or a name.
Result<std::vector<Projection>> parse_targets(const json::object& config) {
  const json::value* value = config.if_contains("target_modules");
  if (value == nullptr) return fail(ErrorCode::kInvalid, "field 'target_modules' is missing");
  std::vector<std::string> names;
  if (value->is_array()) {
    for (const json::value& item : value->get_array()) {
      auto text = as<std::string>(item, "target_modules");
      if (!text) return fail(text.error());
      names.push_back(std::move(*text));
    }
  } else {
    auto text = as<std::string>(*value, "target_modules");
    if (!text) return fail(text.error());
    if (*text == "all-linear")
      return std::vector<Projection>(kProjections.begin(), kProjections.end());
    names.push_back(std::move(*text));
  }
  std::vector<Projection> targets;
  for (const std::string& text : names) {
    const auto which = projection_named(text);
    if (!which) {
      return fail(ErrorCode::kInvalid, "field 'target_modules': " + in_quotes(text) +
                                           " is not one of the seven linear projections");
    }
    targets.push_back(*which);
  }
  std::ranges::sort(targets);
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (targets.empty()) return fail(ErrorCode::kInvalid, "field 'target_modules' is empty");
  return targets;
}

// PiSSA, OLoRA and their like begin by taking something out of the base's weights, so that what is
// left there is no longer the base that we have.
Result<void> check_initialisation(const json::object& config) {
  const json::value* value = config.if_contains("init_lora_weights");
  if (value == nullptr || value->is_null() || value->is_bool()) return {};
  const std::string_view how = string_or_empty(config, "init_lora_weights");
  if (how == "gaussian" || how == "orthogonal" || how == "eva") return {};
  return fail(ErrorCode::kInvalid, "field 'init_lora_weights' " + in_quotes(how) +
                                       " is not supported: it changes the base model");
}

Result<LoraConfig> read_lora_config(const json::object& config) {
  auto kind = field<std::string>(config, "peft_type");
  if (!kind) return fail(kind.error());
  if (*kind != "LORA") {
    return fail(ErrorCode::kInvalid, "field 'peft_type' is " + in_quotes(*kind) + ", not LORA");
  }
  for (const std::string_view name : kMustBeOff) {
    if (auto off = must_be_off(config, name); !off) return fail(off.error());
  }
  if (auto plain = check_initialisation(config); !plain) return fail(plain.error());
  auto bias = optional_field<std::string>(config, "bias");
  if (!bias) return fail(bias.error());
  if (bias->value_or("none") != "none") {
    return fail(ErrorCode::kInvalid, "field 'bias' must be \"none\", not " + in_quotes(**bias));
  }
  auto r = field<std::int64_t>(config, "r");
  if (!r) return fail(r.error());
  if (*r < 1 || *r > kMaxLoraRank) {
    return fail(ErrorCode::kInvalid, "field 'r' must be from 1 to " + std::to_string(kMaxLoraRank) +
                                         ", not " + std::to_string(*r));
  }
  auto alpha = field<double>(config, "lora_alpha");
  if (!alpha) return fail(alpha.error());
  if (!(std::abs(*alpha) <= kMaxAlpha)) {
    return fail(ErrorCode::kInvalid, "field 'lora_alpha' must be a number up to 1000000");
  }
  auto rs = optional_field<bool>(config, "use_rslora");
  if (!rs) return fail(rs.error());
  auto targets = parse_targets(config);
  if (!targets) return fail(targets.error());
  return LoraConfig{*r, *alpha, rs->value_or(false), std::move(*targets)};
}

// One of the two matrices of a projection.
Result<void> check_matrix(const SafetensorsFile& file, const std::string& name, Shape shape,
                          std::set<std::string_view>& asked) {
  const TensorView* view = file.find(name);
  if (view == nullptr) return fail(ErrorCode::kInvalid, "tensor '" + name + "' is missing");
  asked.insert(view->name);
  const std::array<std::int64_t, 2> wanted = {shape.out, shape.in};
  return check_weight(*view, wanted);
}

}  // namespace

double LoraConfig::scale() const {
  const auto rank = static_cast<double>(r);
  return alpha / (rs ? std::sqrt(rank) : rank);
}

std::string peft_name(std::size_t layer, Projection which, std::string_view matrix) {
  return "base_model.model." + module_name(layer, which) + "." + std::string(matrix) + ".weight";
}

Result<LoraConfig> parse_lora_config(std::string_view text, std::string_view name) {
  auto document = parse_json_object(text, {.size_bytes = kMaxLoraConfigBytes});
  if (!document) return fail(document.error().with(name));
  auto config = read_lora_config(*document);
  if (!config) return fail(config.error().with(name));
  return config;
}

Result<void> check_lora_file(const SafetensorsFile& file, const LoraConfig& config,
                             const LlamaConfig& model) {
  std::set<std::string_view> asked;
  for (std::size_t i = 0; i < static_cast<std::size_t>(model.num_hidden_layers); ++i) {
    for (const Projection which : config.targets) {
      const Shape shape = shape_of(model, which);
      auto a = check_matrix(file, peft_name(i, which, "lora_A"), {config.r, shape.in}, asked);
      if (!a) return a;
      auto b = check_matrix(file, peft_name(i, which, "lora_B"), {shape.out, config.r}, asked);
      if (!b) return b;
    }
  }
  for (const TensorView& view : file.tensors()) {
    if (asked.contains(view.name)) continue;
    return fail(ErrorCode::kInvalid, "tensor " + in_quotes(view.name) +
                                         " is none that adapter_config.json and the model ask for");
  }
  return {};
}

std::string lora_config_text(const LoraConfig& config, const std::string& base_model) {
  json::array targets;
  for (const Projection which : config.targets) targets.emplace_back(name(which));
  const json::object document = {{"base_model_name_or_path", base_model},
                                 {"bias", "none"},
                                 {"fan_in_fan_out", false},
                                 {"inference_mode", true},
                                 {"init_lora_weights", true},
                                 {"lora_alpha", config.alpha},
                                 {"lora_dropout", 0.0},
                                 {"modules_to_save", nullptr},
                                 {"peft_type", "LORA"},
                                 {"r", config.r},
                                 {"rank_pattern", json::object()},
                                 {"alpha_pattern", json::object()},
                                 {"revision", nullptr},
                                 {"target_modules", std::move(targets)},
                                 {"task_type", "CAUSAL_LM"},
                                 {"use_dora", false},
                                 {"use_rslora", config.rs}};
  return json::serialize(document) + "\n";
}

}  // namespace hone::engine
