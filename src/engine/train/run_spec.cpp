#include "engine/train/run_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/config.h"
#include "base/file.h"

namespace hone::engine {
namespace {

constexpr std::uint64_t kMaxSpecBytes = 1U << 20;

template <typename Kind>
struct Choice {
  std::string_view name;
  Kind kind;
};

constexpr std::array kMethods = {Choice{"sft", Method::kSft},     Choice{"dpo", Method::kDpo},
                                 Choice{"kto", Method::kKto},     Choice{"orpo", Method::kOrpo},
                                 Choice{"simpo", Method::kSimpo}, Choice{"reward", Method::kReward},
                                 Choice{"grpo", Method::kGrpo}};
constexpr std::array kSchedules = {Choice{"cosine", Schedule::kCosine},
                                   Choice{"linear", Schedule::kLinear},
                                   Choice{"constant", Schedule::kConstant}};
constexpr std::array kSftLosses = {Choice{"nll", SftLoss::kNll}, Choice{"dft", SftLoss::kDft}};
constexpr std::array kDpoLosses = {Choice{"sigmoid", DpoLoss::kSigmoid},
                                   Choice{"ipo", DpoLoss::kIpo}, Choice{"hinge", DpoLoss::kHinge},
                                   Choice{"robust", DpoLoss::kRobust},
                                   Choice{"sigmoid_norm", DpoLoss::kSigmoidNorm}};

// GSPO is GRPO's mean over answers with one ratio an answer.
struct NamedGrpoLoss {
  GrpoLoss loss;
  bool sequence_ratios;
};
constexpr std::array kGrpoLosses = {Choice{"dapo", NamedGrpoLoss{GrpoLoss::kDapo, false}},
                                    Choice{"grpo", NamedGrpoLoss{GrpoLoss::kGrpo, false}},
                                    Choice{"dr_grpo", NamedGrpoLoss{GrpoLoss::kDrGrpo, false}},
                                    Choice{"gspo", NamedGrpoLoss{GrpoLoss::kGrpo, true}}};
constexpr std::array kScales = {Choice{"group", RewardScale::kGroup},
                                Choice{"batch", RewardScale::kBatch},
                                Choice{"none", RewardScale::kNone}};
constexpr std::array kTruncated = {Choice{"keep", false}, Choice{"mask", true}};
constexpr std::array kRecompute = {Choice{"auto", Recompute::kAuto}, Choice{"on", Recompute::kOn},
                                   Choice{"off", Recompute::kOff}};

class Reader {
 public:
  Reader(TomlTable table, std::string folder) : table_(table), folder_(std::move(folder)) {}

  void read(RunSpec& spec) {
    choose("method", kMethods, spec.method, true);
    spec.base_model = path("base_model");
    spec.dataset = path("dataset");
    std::int64_t seed = 0;
    whole("seed", seed, 0, INT64_MAX);
    spec.seed = static_cast<std::uint64_t>(seed);
    read_lora(spec);
    read_optimizer(spec);
    whole("batch_size", spec.batch_size, 1, 4096);
    whole("gradient_accumulation", spec.gradient_accumulation, 1, 4096);
    whole("max_tokens", spec.max_tokens, 2, 1 << 20);
    whole("threads", spec.threads, 1, 1024);
    choose("activation_checkpointing", kRecompute, spec.recompute, false);
    number("divergence", spec.divergence, 0.0, 1e9);
    whole("checkpoint_every", spec.checkpoint_every, 1, 1'000'000'000);
    spec.dtype = table_.get_or("dtype", spec.dtype);
    if (spec.dtype != "bf16" && spec.dtype != "fp32")
      table_.problem("dtype", "must be \"bf16\" or \"fp32\"");
    read_method(spec);
  }

 private:
  void read_method(RunSpec& spec) {
    switch (spec.method) {
      case Method::kSft:
        choose("loss", kSftLosses, spec.sft.loss, false);
        break;
      case Method::kDpo:
        choose("loss", kDpoLosses, spec.dpo.loss, false);
        number("beta", spec.dpo.beta, 1e-6, 1e6);
        number("sft_weight", spec.dpo.sft_weight, 0.0, 1e6);
        // Robust DPO divides by 1 - 2 e.
        number("label_smoothing", spec.dpo.label_smoothing, 0.0, 0.499);
        break;
      case Method::kKto:
        number("beta", spec.kto.beta, 1e-6, 1e6);
        number("desirable_weight", spec.kto.desirable_weight, 0.0, 1e6);
        number("undesirable_weight", spec.kto.undesirable_weight, 0.0, 1e6);
        break;
      case Method::kOrpo:
        number("beta", spec.orpo.beta, 0.0, 1e6);
        break;
      case Method::kSimpo:
        number("beta", spec.simpo.beta, 1e-6, 1e6);
        number("gamma", spec.simpo.gamma, -1e6, 1e6);
        number("sft_weight", spec.simpo.nll_weight, 0.0, 1e6);
        number("label_smoothing", spec.simpo.label_smoothing, 0.0, 0.5);
        break;
      case Method::kReward:
        number("centring", spec.reward.centring, 0.0, 1e6);
        break;
      case Method::kGrpo:
        read_grpo(spec);
        break;
    }
  }

  void read_grpo(RunSpec& spec) {
    GrpoRunOptions& grpo = spec.grpo;
    NamedGrpoLoss named = kGrpoLosses.front().kind;
    choose("loss", kGrpoLosses, named, false);
    grpo.loss.loss = named.loss;
    grpo.loss.sequence_ratios = named.sequence_ratios;
    number("beta", grpo.loss.beta, 0.0, 1e6);
    number("epsilon", grpo.loss.epsilon, 0.0, 1.0);
    grpo.loss.epsilon_high = grpo.loss.epsilon;
    number("epsilon_high", grpo.loss.epsilon_high, 0.0, 1e6);
    choose("scale_rewards", kScales, grpo.scale, false);
    // Dr. GRPO is without the division by the spread.
    if (named.loss == GrpoLoss::kDrGrpo && !table_.has("scale_rewards"))
      grpo.scale = RewardScale::kNone;
    whole("group_size", grpo.group_size, 2, 1024);
    number("temperature", grpo.temperature, 0.01, 100.0);
    whole("max_new_tokens", grpo.max_new_tokens, 1, 1 << 20);
    grpo.loss.max_completion_length = grpo.max_new_tokens;
    if (grpo.max_new_tokens >= spec.max_tokens)
      table_.problem("max_new_tokens", "must leave room for a prompt in max_tokens");
    whole("iterations", grpo.iterations, 1, 64);
    if (spec.checkpoint_every % grpo.iterations != 0)
      table_.problem("iterations",
                     "must divide checkpoint_every: a checkpoint holds whole batches");
    whole("dynamic_sampling", grpo.dynamic_sampling, 0, 64);
    choose("truncated", kTruncated, grpo.mask_truncated, false);
    whole("overlong_buffer", grpo.overlong_buffer, 0, grpo.max_new_tokens);
    grpo.allow_unsandboxed = table_.get_or("allow_unsandboxed", false);
  }

  void read_lora(RunSpec& spec) {
    whole("lora_r", spec.lora.r, 0, kMaxLoraRank);
    spec.full = spec.lora.r == 0;
    spec.lora.alpha =
        2.0 * static_cast<double>(std::clamp<std::int64_t>(spec.lora.r, 0, kMaxLoraRank));
    number("lora_alpha", spec.lora.alpha, 0.0, 1e6);
    spec.lora.rs = table_.get_or("lora_rs", false);
    const auto names = table_.get<std::vector<std::string>>("target_modules");
    if (!names) return;
    spec.lora.targets.clear();
    for (const std::string& text : *names) {
      const auto which = projection_named(text);
      if (!which) {
        table_.problem("target_modules", "'" + text + "' is not a linear layer of a Llama");
      } else if (std::ranges::find(spec.lora.targets, *which) == spec.lora.targets.end()) {
        spec.lora.targets.push_back(*which);
      }
    }
    std::ranges::sort(spec.lora.targets);
    if (names->empty()) table_.problem("target_modules", "is empty");
  }

  void read_optimizer(RunSpec& spec) {
    number("learning_rate", spec.learning_rate, 0.0, 10.0);
    choose("schedule", kSchedules, spec.schedule, false);
    number("warmup_fraction", spec.warmup_fraction, 0.0, 1.0);
    number("epochs", spec.epochs, 1e-6, 10'000.0);
    number("max_grad_norm", spec.max_grad_norm, 1e-9, 1e9);
    number("weight_decay", spec.weight_decay, 0.0, 10.0);
  }

  std::string path(std::string_view key) {
    const auto text = table_.require<std::string>(key);
    return (std::filesystem::path(folder_) / text).string();
  }

  void whole(std::string_view key, std::int64_t& value, std::int64_t low, std::int64_t high) {
    value = table_.get_or(key, value);
    if (value < low || value > high)
      table_.problem(key, fmt::format("must be from {} to {}", low, high));
  }

  void number(std::string_view key, double& value, double low, double high) {
    value = table_.get_or(key, value);
    if (!(value >= low && value <= high)) {
      table_.problem(key, fmt::format("must be from {} to {}", low, high));
    }
  }

  template <typename Choices, typename Kind>
  void choose(std::string_view key, const Choices& choices, Kind& kind, bool required) {
    const auto text = required ? table_.require<std::string>(key)
                               : table_.get_or(key, std::string(choices.front().name));
    std::string known;
    for (const auto& choice : choices) {
      if (choice.name == text) {
        kind = choice.kind;
        return;
      }
      known += (known.empty() ? "\"" : ", \"") + std::string(choice.name) + "\"";
    }
    if (!required || table_.has(key)) table_.problem(key, "must be one of " + known);
  }

  TomlTable table_;
  std::string folder_;
};

}  // namespace

Result<RunSpec> read_run_spec(const std::string& folder) {
  const std::string path = folder + "/run.toml";
  auto text = read_file(posix_files(), path, kMaxSpecBytes);
  if (!text) return fail(text.error());
  auto file = TomlFile::parse(*text, path);
  if (!file) return fail(file.error());
  RunSpec spec;
  Reader((*file)->root(), folder).read(spec);
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return spec;
}

}  // namespace hone::engine
