#include "curate/recipe.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include <fmt/format.h>

#include "base/config.h"
#include "base/file.h"
#include "curate/quality.h"
#include "curate/train_fields.h"

namespace hone::curate {
namespace {

using Names = std::vector<std::string_view>;

// Reads fields of one section over their defaults and checks ranges. Both ends are allowed values.
class Section {
 public:
  explicit Section(TomlTable table) : table_(std::move(table)) {}

  void number(std::string_view key, double& value, double low, double high) {
    value = table_.get_or(key, value);
    if (!(value >= low && value <= high)) refuse(key, low, high);
  }
  void whole(std::string_view key, std::int64_t& value, std::int64_t low, std::int64_t high) {
    value = table_.get_or(key, value);
    if (value < low || value > high) refuse(key, low, high);
  }
  void one_of(std::string_view key, std::string& value, const Names& names) {
    value = table_.get_or(key, value);
    check_name(key, value, names);
  }
  void some_of(std::string_view key, std::vector<std::string>& values, const Names& names) {
    any_of(key, values, names);
    if (values.empty()) table_.problem(key, "must name at least one");
  }
  void any_of(std::string_view key, std::vector<std::string>& values, const Names& names) {
    values = table_.get_or(key, values);
    for (const auto& value : values) check_name(key, value, names);
  }
  TomlTable& table() { return table_; }

 private:
  template <typename T>
  void refuse(std::string_view key, T low, T high) {
    table_.problem(key, fmt::format("must be from {} to {}", low, high));
  }
  void check_name(std::string_view key, const std::string& value, const Names& names) {
    if (std::ranges::find(names, value) != names.end()) return;
    table_.problem(key, fmt::format("has '{}'; it may be: {}", value, fmt::join(names, ", ")));
  }
  TomlTable table_;
};

constexpr std::int64_t kMany = 1'000'000'000;

void read_mix(Section& section, DatasetRecipe& recipe) {
  TomlTable mix = section.table().table("mix");
  for (const auto& name : mix.keys()) {
    const double weight = mix.get_or(name, 0.0);
    if (!(weight >= 0 && weight <= 1e6)) mix.problem(name, "must be from 0 to 1000000");
    recipe.mix[name] = weight;
  }
  if (recipe.mix.empty()) return;
  if (recipe.stratify == "none" || recipe.max_examples == 0) {
    section.table().problem("mix", "weighs strata: it needs stratify and max_examples");
  }
  const bool some = std::ranges::any_of(recipe.mix, [](const auto& w) { return w.second > 0; });
  if (!some) section.table().problem("mix", "must have a weight above 0");
}

// What is asked and would do nothing, because what it belongs to is not asked.
void check_effects(TomlTable& table, const DatasetRecipe& recipe) {
  const DatasetRecipe plain;
  if (recipe.ranked_pairs && std::ranges::find(recipe.kinds, "preference") == recipe.kinds.end()) {
    table.problem("ranked_pairs", "makes preferences: it needs that kind in 'kinds'");
  }
  if (recipe.tool_calls && std::ranges::count(recipe.kinds, "task") == std::ssize(recipe.kinds)) {
    table.problem("tool_calls", "is for other kinds than task, whose answers are texts");
  }
  if (recipe.decontaminate.empty() && recipe.decontaminate_words != plain.decontaminate_words) {
    table.problem("decontaminate_words", "needs files in 'decontaminate'");
  }
  if (recipe.stratify != plain.stratify && recipe.max_examples == 0) {
    table.problem("stratify", "shares out max_examples: it needs that");
  }
  if (recipe.balance != plain.balance && recipe.stratify == plain.stratify) {
    table.problem("balance", "shares out over strata: it needs stratify and max_examples");
  }
  if (recipe.balance != plain.balance && !recipe.mix.empty()) {
    table.problem("balance", "cannot be had beside 'mix', which weighs the strata itself");
  }
}

void read_curation(Section& section, DatasetRecipe& recipe) {
  TomlTable& table = section.table();
  section.number("near_duplicates", recipe.near_duplicates, 0, 1);
  // Below a half the search would miss too many to be called one.
  if (recipe.near_duplicates > 0 && recipe.near_duplicates < 0.5) {
    table.problem("near_duplicates", "must be 0 (equal texts only) or from 0.5 to 1");
  }
  recipe.whole_conversations = table.get_or("whole_conversations", recipe.whole_conversations);
  recipe.ranked_pairs = table.get_or("ranked_pairs", recipe.ranked_pairs);
  recipe.tool_calls = table.get_or("tool_calls", recipe.tool_calls);
  recipe.decontaminate = table.get_or("decontaminate", recipe.decontaminate);
  section.whole("decontaminate_words", recipe.decontaminate_words, 3, 100);
  section.whole("min_answer_characters", recipe.min_answer_characters, 0, kMany);
  section.whole("max_answer_characters", recipe.max_answer_characters, 0, kMany);
  if (recipe.max_answer_characters > 0 &&
      recipe.max_answer_characters < recipe.min_answer_characters) {
    table.problem("max_answer_characters", "is under min_answer_characters");
  }
  section.any_of("languages", recipe.languages, known_languages());
  section.any_of("leave_out", recipe.leave_out, {"refusal", "truncated"});
  section.whole("max_examples", recipe.max_examples, 0, kMany);
  section.one_of("stratify", recipe.stratify, {"none", "source", "domain", "team", "verdict"});
  section.one_of("balance", recipe.balance, {"proportional", "equal"});
  read_mix(section, recipe);
  check_effects(table, recipe);
}

DatasetRecipe read_dataset(TomlTable table) {
  DatasetRecipe recipe;
  Section section(std::move(table));
  section.some_of("kinds", recipe.kinds, {"demonstration", "preference", "judgement", "task"});
  const auto since = section.table().get_or("since", std::string());
  if (!since.empty()) {
    if (const auto time = parse_time(since)) {
      recipe.since = *time;
    } else {
      section.table().problem("since", "must be an ISO 8601 time: " + time.error().message);
    }
  }
  recipe.aliases = section.table().get_or("aliases", recipe.aliases);
  recipe.tools = section.table().get_or("tools", recipe.tools);
  section.number("min_strength", recipe.min_strength, 0, 1);
  section.number("held_out_people", recipe.held_out_people, 0, 0.9);
  section.number("held_out_prompts", recipe.held_out_prompts, 0, 0.9);
  section.whole("fold", recipe.fold, 0, 1000);
  section.whole("max_per_person", recipe.max_per_person, 0, kMany);
  section.whole("max_per_team", recipe.max_per_team, 0, kMany);
  section.whole("max_characters", recipe.max_characters, 0, kMany);
  section.whole("seed", recipe.seed, 0, INT64_MAX);
  read_curation(section, recipe);
  return recipe;
}

TrainRecipe read_train(TomlTable table) {
  TrainRecipe recipe;
  Section section(std::move(table));
  section.one_of("method", recipe.method, train_methods());
  section.whole("lora_r", recipe.lora_r, 0, 4096);
  section.number("lora_alpha", recipe.lora_alpha, 0.01, 65536);
  recipe.lora_rs = section.table().get_or("lora_rs", recipe.lora_rs);
  section.number("learning_rate", recipe.learning_rate, 0, 1);
  section.one_of("schedule", recipe.schedule, {"cosine", "linear", "constant"});
  section.number("warmup_fraction", recipe.warmup_fraction, 0, 1);
  section.whole("epochs", recipe.epochs, 1, 1000);
  section.whole("batch_size", recipe.batch_size, 1, 65536);
  section.whole("gradient_accumulation", recipe.gradient_accumulation, 1, 65536);
  section.number("max_grad_norm", recipe.max_grad_norm, 0, 1e6);
  section.number("weight_decay", recipe.weight_decay, 0, 1);
  section.whole("max_tokens", recipe.max_tokens, 8, 1 << 20);
  section.one_of("dtype", recipe.dtype, {"bf16", "fp32"});
  section.whole("threads", recipe.threads, 1, 1024);
  section.whole("checkpoint_every", recipe.checkpoint_every, 1, kMany);
  section.whole("seed", recipe.seed, 0, INT64_MAX);
  read_train_options(section.table(), recipe);
  return recipe;
}

GateRecipe read_gate(TomlTable table) {
  GateRecipe recipe;
  Section section(std::move(table));
  // One person or one example is no evidence: an interval needs two.
  section.whole("min_people", recipe.min_people, 2, kMany);
  section.whole("min_examples", recipe.min_examples, 2, kMany);
  section.number("min_likelihood_gain", recipe.min_likelihood_gain, -100, 100);
  section.number("min_match_loss", recipe.min_match_loss, 0, 1);
  section.whole("seed", recipe.seed, 0, INT64_MAX);
  return recipe;
}

ReleaseRecipe read_release(TomlTable table) {
  ReleaseRecipe recipe;
  Section section(std::move(table));
  section.number("first_share", recipe.first_share, 0.001, 1);
  recipe.shares = section.table().get_or("shares", recipe.shares);
  double before = recipe.first_share;
  for (const double share : recipe.shares) {
    if (!(share > before && share <= 1)) {
      section.table().problem("shares", "must grow from over first_share up to 1");
      break;
    }
    before = share;
  }
  section.number("holdback", recipe.holdback, 0, 0.9);
  section.number("reserve", recipe.reserve, 0, 0.9);
  if (before + recipe.holdback + recipe.reserve > 1 + 1e-9) {
    section.table().problem(
        "reserve", fmt::format("leaves too few people: the largest share ({}), holdback ({}) and "
                               "reserve ({}) add up to more than 1",
                               before, recipe.holdback, recipe.reserve));
  }
  section.number("alpha", recipe.alpha, 1e-6, 0.5);
  section.whole("min_people_per_arm", recipe.min_people_per_arm, 2, kMany);
  return recipe;
}

}  // namespace

Result<Recipe> parse_recipe(std::string_view text, std::string file_name) {
  auto file = TomlFile::parse(text, std::move(file_name));
  if (!file) return fail(file.error());
  TomlTable root = (*file)->root();
  Recipe recipe;
  recipe.text = text;
  for (auto [key, value] : {std::pair("name", &recipe.name), std::pair("alias", &recipe.alias)}) {
    *value = root.require<std::string>(key);
    if (root.has(key) && value->empty()) root.problem(key, "must not be empty");
  }
  recipe.dataset = read_dataset(root.table("dataset"));
  recipe.train = read_train(root.table("train"));
  recipe.gate = read_gate(root.table("gate"));
  recipe.release = read_release(root.table("release"));
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return recipe;
}

Result<Recipe> load_recipe(const std::string& path) {
  constexpr std::uint64_t kLimit = 1U << 20;
  auto text = read_file(posix_files(), path, kLimit);
  if (!text) return fail(text.error());
  auto recipe = parse_recipe(*text, path);
  if (!recipe) return recipe;
  for (auto& file : recipe->dataset.decontaminate) {
    file = (std::filesystem::path(path).parent_path() / file).lexically_normal().string();
  }
  return recipe;
}

}  // namespace hone::curate
