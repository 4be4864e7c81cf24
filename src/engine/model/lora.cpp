#include "engine/model/lora.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/file.h"
#include "base/json.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

constexpr std::int64_t kMaxRank = 4096;

LoraPair& pair_of(LoraLayer& layer, Projection which) {
  return layer[static_cast<std::size_t>(which)];
}

const LoraPair& pair_of(const LoraLayer& layer, Projection which) {
  return layer[static_cast<std::size_t>(which)];
}

std::string peft_name(std::size_t layer, Projection which, std::string_view matrix) {
  return "base_model.model." + module_name(layer, which) + "." + std::string(matrix) + ".weight";
}

// A field that changes what an adapter computes, in a way that is not done here, must be off.
Result<void> must_be_off(const json::object& config, std::string_view field) {
  const json::value* value = config.if_contains(field);
  const bool off = value == nullptr || value->is_null() ||
                   (value->is_bool() && !value->get_bool()) ||
                   (value->is_object() && value->get_object().empty()) ||
                   (value->is_array() && value->get_array().empty());
  if (off) return {};
  return fail(ErrorCode::kInvalid, "'" + std::string(field) + "' is not supported");
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
      return fail(ErrorCode::kInvalid,
                  "target_modules: '" + text + "' is not one of the seven linear projections");
    }
    targets.push_back(*which);
  }
  std::ranges::sort(targets);
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (targets.empty()) return fail(ErrorCode::kInvalid, "target_modules is empty");
  return targets;
}

Result<LoraConfig> parse_lora_config(const json::object& config) {
  auto kind = field<std::string>(config, "peft_type");
  if (!kind) return fail(kind.error());
  if (*kind != "LORA") return fail(ErrorCode::kInvalid, "peft_type '" + *kind + "' is not LORA");
  for (const auto* name : {"use_dora", "modules_to_save", "rank_pattern", "alpha_pattern",
                           "fan_in_fan_out", "layers_to_transform", "lora_bias"}) {
    if (auto off = must_be_off(config, name); !off) return fail(off.error());
  }
  auto bias = optional_field<std::string>(config, "bias");
  if (!bias) return fail(bias.error());
  if (bias->value_or("none") != "none") return fail(ErrorCode::kInvalid, "bias must be \"none\"");
  auto r = field<std::int64_t>(config, "r");
  if (!r) return fail(r.error());
  if (*r < 1 || *r > kMaxRank)
    return fail(ErrorCode::kInvalid, "r must be from 1 to " + std::to_string(kMaxRank));
  auto alpha = field<double>(config, "lora_alpha");
  if (!alpha) return fail(alpha.error());
  auto rs = optional_field<bool>(config, "use_rslora");
  if (!rs) return fail(rs.error());
  auto targets = parse_targets(config);
  if (!targets) return fail(targets.error());
  return LoraConfig{*r, *alpha, rs->value_or(false), std::move(*targets)};
}

Result<at::Tensor> read_matrix(const SafetensorsFile& file, const std::string& name, Shape shape) {
  const TensorView* view = file.find(name);
  if (view == nullptr) return fail(ErrorCode::kInvalid, "tensor '" + name + "' is missing");
  at::Tensor target = at::empty({shape.out, shape.in}, at::TensorOptions(at::kFloat));
  if (auto copied = copy_into(target, *view); !copied) return fail(copied.error());
  return target;
}

std::string config_text(const LoraConfig& config, const std::string& base_model) {
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

}  // namespace

double LoraConfig::scale() const {
  const auto rank = static_cast<double>(r);
  return alpha / (rs ? std::sqrt(rank) : rank);
}

LoraAdapter make_lora(const LlamaConfig& model, const LoraConfig& config, Random random) {
  LoraAdapter adapter{config, {}};
  adapter.layers.resize(static_cast<std::size_t>(model.num_hidden_layers));
  for (LoraLayer& layer : adapter.layers) {
    for (const Projection which : config.targets) {
      const Shape shape = shape_of(model, which);
      LoraPair& pair = pair_of(layer, which);
      pair.a = at::empty({config.r, shape.in}, at::TensorOptions(at::kFloat));
      pair.b = at::zeros({shape.out, config.r}, at::TensorOptions(at::kFloat));
      const double bound = 1.0 / std::sqrt(static_cast<double>(shape.in));
      for (float& value :
           std::span(pair.a.mutable_data_ptr<float>(), static_cast<std::size_t>(pair.a.numel()))) {
        value = static_cast<float>((2.0 * random.uniform() - 1.0) * bound);
      }
    }
  }
  return adapter;
}

Result<LoraAdapter> load_lora(const std::string& folder, const LlamaConfig& model) {
  const std::string config_path = folder + "/adapter_config.json";
  auto text = read_file(posix_files(), config_path);
  if (!text) return fail(text.error());
  auto document = parse_json_object(*text);
  if (!document) return fail(document.error().with(config_path));
  auto config = parse_lora_config(*document);
  if (!config) return fail(config.error().with(config_path));

  const std::string path = folder + "/adapter_model.safetensors";
  auto file = SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  LoraAdapter adapter{std::move(*config), {}};
  adapter.layers.resize(static_cast<std::size_t>(model.num_hidden_layers));
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const Shape shape = shape_of(model, which);
      auto a = read_matrix(*file, peft_name(i, which, "lora_A"), {adapter.config.r, shape.in});
      if (!a) return fail(a.error().with(path));
      auto b = read_matrix(*file, peft_name(i, which, "lora_B"), {shape.out, adapter.config.r});
      if (!b) return fail(b.error().with(path));
      pair_of(adapter.layers[i], which) = {std::move(*a), std::move(*b)};
    }
  }
  const std::size_t expected = adapter.layers.size() * adapter.config.targets.size() * 2;
  if (file->tensors().size() != expected) {
    return fail(ErrorCode::kInvalid,
                path + ": " + std::to_string(file->tensors().size()) +
                    " tensors, but adapter_config.json and the model ask for " +
                    std::to_string(expected));
  }
  return adapter;
}

Result<void> save_lora(const LoraAdapter& adapter, const std::string& folder,
                       const std::string& base_model) {
  auto written =
      save_tensors(folder + "/adapter_model.safetensors", named_tensors(adapter), at::kFloat);
  if (!written) return written;
  return write_file_atomically(posix_files(), folder + "/adapter_config.json",
                               config_text(adapter.config, base_model));
}

std::vector<NamedTensor> named_tensors(const LoraAdapter& adapter) {
  std::vector<NamedTensor> all;
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const LoraPair& pair = pair_of(adapter.layers[i], which);
      all.push_back({peft_name(i, which, "lora_A"), pair.a});
      all.push_back({peft_name(i, which, "lora_B"), pair.b});
    }
  }
  return all;
}

void merge_lora(LlamaWeights& weights, const LoraAdapter& adapter) {
  HONE_ASSERT(adapter.layers.size() == weights.layers.size());
  for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
    for (const Projection which : adapter.config.targets) {
      const LoraPair& pair = pair_of(adapter.layers[i], which);
      at::Tensor weight = projection(weights.layers[i], weights.config, which).weight;
      weight.copy_(at::addmm(weight.to(at::kFloat), pair.b.detach(), pair.a.detach(), 1.0,
                             adapter.config.scale()));
    }
  }
}

}  // namespace hone::engine
