// A recipe: one TOML file for one purpose that says how its dataset is made, a model trained on it,
// what the model must show, and how it is released (docs/formats/recipe.md). Plain data; each
// section is used by the folder that does the work. A misspelt field or a number out of range is an
// error with its line.
//
//   auto recipe = load_recipe("recipes/house-style.toml");
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hone::curate {

struct DatasetRecipe {
  std::vector<std::string> kinds = {"demonstration"};  // demonstration, preference, judgement, task
  std::optional<Time> since;                           // interactions that started from then on
  std::vector<std::string> aliases;                    // what the tools asked for; empty: any
  std::vector<std::string> tools;                      // empty: any
  double min_strength = 0.5;
  double held_out_people = 0.25;     // 0: not split by person
  double held_out_prompts = 0.2;     // 0: not split by prompt
  std::int64_t fold = 0;             // another part of the people and prompts is held out in each
  std::int64_t max_per_person = 60;  // 0: no cap, like the next two
  std::int64_t max_per_team = 0;
  std::int64_t max_characters = 0;  // of prompt and answer together
  std::int64_t seed = 1;

  // From here on the defaults ask nothing, and a dataset's digest is as if the field were not
  // there.
  double near_duplicates = 0;        // similarity from which texts are the same; 0: equal ones
  bool whole_conversations = false;  // a conversation is on one side of the split
  bool ranked_pairs = false;         // edited > accepted > rejected, with margins
  bool tool_calls = false;           // conversations with tools, calls and results are examples too
  std::vector<std::string> decontaminate;  // files of evaluation sets
  std::int64_t decontaminate_words = 13;   // so many words in a row that both have
  std::int64_t min_answer_characters = 0;  // of the text to be learnt
  std::int64_t max_answer_characters = 0;
  std::vector<std::string> languages;    // of the text to be learnt, "en"; empty: any
  std::vector<std::string> leave_out;    // refusal, truncated
  std::int64_t max_examples = 0;         // to train on, of each kind; 0: all
  std::string stratify = "none";         // none, source, domain, team, verdict
  std::string balance = "proportional";  // proportional, equal: how max_examples are shared out
  std::map<std::string, double> mix;     // weights of strata, instead of balance
};

// A field of run.toml that belongs to some methods only, or that the trainer knows a default for.
using TrainOption = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using TrainOptions = std::map<std::string, TrainOption, std::less<>>;

struct TrainRecipe {
  std::string method = "sft";  // sft, dpo, kto, orpo, simpo, reward, grpo
  std::int64_t lora_r = 16;    // 0: full training
  double lora_alpha = 32;
  bool lora_rs = false;
  double learning_rate = 1e-3;
  std::string schedule = "cosine";  // cosine, linear, constant
  double warmup_fraction = 0.1;
  std::int64_t epochs = 2;
  std::int64_t batch_size = 8;
  std::int64_t gradient_accumulation = 1;
  double max_grad_norm = 1.0;
  double weight_decay = 0.0;
  std::int64_t max_tokens = 512;
  std::string dtype = "bf16";  // bf16, fp32
  std::int64_t threads = 2;
  std::int64_t checkpoint_every = 50;  // steps
  std::int64_t seed = 1;
  TrainOptions options;  // what the recipe says of the method's own fields
};

// The kind of examples that a method learns from: "demonstration", "preference", …
[[nodiscard]] std::string_view kind_for(std::string_view method);

// The method's own fields for run.toml: the recipe's, and what Hone chooses differently from the
// trainer.
[[nodiscard]] TrainOptions method_options(const TrainRecipe& train);

struct GateRecipe {
  std::int64_t min_people = 4;
  std::int64_t min_examples = 24;
  double min_likelihood_gain = 0.05;  // nats per token
  double min_match_loss = 0.1;
  std::int64_t seed = 1;
};

struct ReleaseRecipe {
  double first_share = 0.5;
  std::vector<double> shares = {0.7};
  double holdback = 0.0;
  double reserve = 0.3;
  double alpha = 0.05;
  std::int64_t min_people_per_arm = 8;
};

struct Recipe {
  std::string name;
  std::string alias;
  DatasetRecipe dataset;
  TrainRecipe train;
  GateRecipe gate;
  ReleaseRecipe release;
  std::string text;  // the file as it was read
};

// `file_name` is for messages.
[[nodiscard]] Result<Recipe> parse_recipe(std::string_view text, std::string file_name);
[[nodiscard]] Result<Recipe> load_recipe(const std::string& path);

}  // namespace hone::curate
