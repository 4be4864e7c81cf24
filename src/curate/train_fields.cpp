#include "curate/train_fields.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace hone::curate {
namespace {

struct MethodKind {
  std::string_view method;
  std::string_view kind;
};
constexpr std::array kMethodKinds = {
    MethodKind{"sft", "demonstration"}, MethodKind{"dpo", "preference"},
    MethodKind{"kto", "judgement"},     MethodKind{"orpo", "preference"},
    MethodKind{"simpo", "preference"},  MethodKind{"reward", "preference"},
    MethodKind{"grpo", "task"}};

enum class FieldType { kName, kNames, kNumber, kWhole, kTruth };

// A field of `methods` ("" for all). `names`: what a kName or kNames may hold, with "|" between.
struct TrainField {
  std::string_view key;
  std::string_view methods;
  FieldType type = FieldType::kNumber;
  double low = 0;
  double high = 0;
  std::string_view names = {};
};

using enum FieldType;
constexpr double kBig = 1e6;
constexpr std::array kTrainFields = {
    TrainField{"target_modules", "", kNames, 0, 0,
               "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj"},
    TrainField{"activation_checkpointing", "", kName, 0, 0, "auto|on|off"},
    TrainField{"divergence", "", kNumber, 0, 1e9},
    TrainField{"loss", "sft", kName, 0, 0, "nll|dft"},
    TrainField{"loss", "dpo", kName, 0, 0, "sigmoid|ipo|hinge|robust|sigmoid_norm"},
    TrainField{"loss", "grpo", kName, 0, 0, "dapo|grpo|dr_grpo|gspo"},
    TrainField{"beta", "dpo|kto|simpo", kNumber, 1e-6, kBig},
    TrainField{"beta", "orpo|grpo", kNumber, 0, kBig},
    TrainField{"sft_weight", "dpo|simpo", kNumber, 0, kBig},
    TrainField{"label_smoothing", "dpo", kNumber, 0, 0.499},
    TrainField{"label_smoothing", "simpo", kNumber, 0, 0.5},
    TrainField{"desirable_weight", "kto", kNumber, 0, kBig},
    TrainField{"undesirable_weight", "kto", kNumber, 0, kBig},
    TrainField{"gamma", "simpo", kNumber, -kBig, kBig},
    TrainField{"centring", "reward", kNumber, 0, kBig},
    TrainField{"group_size", "grpo", kWhole, 2, 1024},
    TrainField{"temperature", "grpo", kNumber, 0.01, 100},
    TrainField{"max_new_tokens", "grpo", kWhole, 1, 1 << 20},
    TrainField{"epsilon", "grpo", kNumber, 0, 1},
    TrainField{"epsilon_high", "grpo", kNumber, 0, kBig},
    TrainField{"scale_rewards", "grpo", kName, 0, 0, "group|batch|none"},
    TrainField{"iterations", "grpo", kWhole, 1, 64},
    TrainField{"dynamic_sampling", "grpo", kWhole, 0, 64},
    TrainField{"truncated", "grpo", kName, 0, 0, "keep|mask"},
    TrainField{"overlong_buffer", "grpo", kWhole, 0, 1 << 20},
    TrainField{"allow_unsandboxed", "grpo", kTruth},
};

// Whether `name` is one of "a|b|c".
bool is_among(std::string_view names, std::string_view name) {
  for (;;) {
    const auto end = names.find('|');
    if (names.substr(0, end) == name) return true;
    if (end == names.npos) return false;
    names.remove_prefix(end + 1);
  }
}

bool belongs(const TrainField& field, std::string_view method) {
  return field.methods.empty() || is_among(field.methods, method);
}

class OptionReader {
 public:
  OptionReader(TomlTable& table, const TrainField& field) : table_(table), field_(field) {}

  TrainOption read() {
    switch (field_.type) {
      case kName:
        return name(table_.get_or(field_.key, std::string()));
      case kNames: {
        auto names = table_.get_or(field_.key, std::vector<std::string>());
        if (names.empty()) table_.problem(field_.key, "must name at least one");
        for (const auto& one : names) name(one);
        return names;
      }
      case kNumber: {
        const double value = table_.get_or(field_.key, 0.0);
        in_range(value);
        return value;
      }
      case kWhole: {
        const auto value = table_.get_or(field_.key, std::int64_t{0});
        in_range(static_cast<double>(value));
        return value;
      }
      case kTruth:
        break;
    }
    return table_.get_or(field_.key, false);
  }

 private:
  std::string name(std::string value) {
    if (!is_among(field_.names, value)) {
      std::string list;
      for (const char c : field_.names) list += c == '|' ? ", " : std::string(1, c);
      table_.problem(field_.key, fmt::format("has '{}'; it may be: {}", value, list));
    }
    return value;
  }
  void in_range(double value) {
    if (value >= field_.low && value <= field_.high) return;
    table_.problem(field_.key, fmt::format("must be from {} to {}", field_.low, field_.high));
  }
  TomlTable& table_;
  const TrainField& field_;
};

std::int64_t whole_of(const TrainOptions& options, std::string_view key, std::int64_t otherwise) {
  const auto at = options.find(key);
  const auto* value = at == options.end() ? nullptr : std::get_if<std::int64_t>(&at->second);
  return value == nullptr ? otherwise : *value;
}

// What the trainer would only say once the run has started.
void check_grpo(TomlTable& table, const TrainRecipe& recipe) {
  constexpr std::int64_t kNewTokens = 256;  // the trainer's default
  const auto new_tokens = whole_of(recipe.options, "max_new_tokens", kNewTokens);
  const auto iterations = whole_of(recipe.options, "iterations", 1);
  if (new_tokens >= recipe.max_tokens) {
    table.problem("max_tokens", fmt::format("must be above max_new_tokens ({}): the rest is what a "
                                            "prompt may have",
                                            new_tokens));
  }
  if (iterations > 0 && recipe.checkpoint_every % iterations != 0) {
    table.problem("iterations", "must divide checkpoint_every");
  }
  if (whole_of(recipe.options, "overlong_buffer", 0) > new_tokens) {
    table.problem("overlong_buffer", "must be at most max_new_tokens");
  }
}

}  // namespace

std::vector<std::string_view> train_methods() {
  std::vector<std::string_view> names;
  for (const auto& method : kMethodKinds) names.push_back(method.method);
  return names;
}

std::string_view kind_for(std::string_view method) {
  const auto* at = std::ranges::find(kMethodKinds, method, &MethodKind::method);
  return at == kMethodKinds.end() ? std::string_view("demonstration") : at->kind;
}

void read_train_options(TomlTable& table, TrainRecipe& recipe) {
  for (const TrainField& field : kTrainFields) {
    if (!table.has(field.key)) {
      if (belongs(field, recipe.method)) (void)table.get<bool>(field.key);  // for hints on misspelt
      continue;
    }
    if (recipe.options.contains(field.key)) continue;
    if (belongs(field, recipe.method)) {
      recipe.options[std::string(field.key)] = OptionReader(table, field).read();
      continue;
    }
    const bool elsewhere = std::ranges::any_of(kTrainFields, [&](const TrainField& other) {
      return other.key == field.key && belongs(other, recipe.method);
    });
    if (elsewhere) continue;
    // Read, so that it counts as known and has one message.
    recipe.options[std::string(field.key)] = OptionReader(table, field).read();
    table.problem(field.key, fmt::format("is no field of method {}", recipe.method));
  }
  if (recipe.method == "grpo") check_grpo(table, recipe);
}

TrainOptions method_options(const TrainRecipe& train) {
  TrainOptions options = train.options;
  if (train.method == "dpo") {
    options.try_emplace("loss", std::string("sigmoid"));
    options.try_emplace("beta", 0.1);
    // The likelihood of what people wrote must not fall while it rises above what they replaced.
    options.try_emplace("sft_weight", 0.2);
  }
  return options;
}

}  // namespace hone::curate
