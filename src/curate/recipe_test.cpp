#include "curate/recipe.h"

#include <gtest/gtest.h>

#include "support/places.h"

namespace hone::curate {
namespace {

std::string error_of(std::string_view rest) {
  const auto recipe = parse_recipe("name = \"r\"\nalias = \"a\"\n" + std::string(rest), "r.toml");
  return recipe ? "" : recipe.error().message;
}

TEST(Recipe, ShippedOnesAreRead) {
  for (const auto* file : {"house-style.toml", "dpo.toml", "kto.toml", "grpo.toml"}) {
    const auto recipe = load_recipe(source_dir() + "/recipes/" + file);
    ASSERT_TRUE(recipe) << recipe.error().message;
    EXPECT_EQ(recipe->alias, "assistant");
  }
}

TEST(Recipe, EverythingButNameAndAliasHasADefault) {
  const auto recipe = parse_recipe("name = \"r\"\nalias = \"a\"\n", "r.toml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->train.lora_r, 16);
  EXPECT_EQ(recipe->release.shares, std::vector<double>{0.7});
  const auto none = parse_recipe("alias = \"a\"\n", "r.toml");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("'name' is missing"), std::string::npos);
}

TEST(Recipe, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(error_of("[train]\nlerning_rate = 1e-3\n"),
            "r.toml: line 4: unknown field 'train.lerning_rate'; did you mean 'learning_rate'?");
  EXPECT_EQ(
      error_of("[train]\nmethod = \"ppo\"\n"),
      "r.toml: line 4: 'train.method' has 'ppo'; it may be: sft, dpo, kto, orpo, simpo, reward, "
      "grpo");
  EXPECT_EQ(error_of("[dataset]\nheld_out_people = 1.5\n"),
            "r.toml: line 4: 'dataset.held_out_people' must be from 0 to 0.9");
  EXPECT_EQ(error_of("[dataset]\nkinds = [\"demos\"]\n"),
            "r.toml: line 4: 'dataset.kinds' has 'demos'; it may be: demonstration, preference, "
            "judgement, task");
  EXPECT_EQ(error_of("[dataset]\nkinds = []\n"),
            "r.toml: line 4: 'dataset.kinds' must name at least one");
  EXPECT_EQ(error_of("[dataset]\nsince = \"yesterday\"\n").substr(0, 45),
            "r.toml: line 4: 'dataset.since' must be an IS");
  EXPECT_EQ(error_of("[train]\nepochs = \"two\"\n"),
            "r.toml: line 4: 'train.epochs' must be a whole number");
  EXPECT_EQ(error_of("[release]\nshares = [0.4]\n"),
            "r.toml: line 4: 'release.shares' must grow from over first_share up to 1");
  EXPECT_NE(error_of("[release]\nholdback = 0.4\n").find("leaves too few people"),
            std::string::npos);
}

TEST(Recipe, HasTheFieldsOfItsMethodAndNoOthers) {
  const std::pair<std::string_view, std::string_view> methods[] = {
      {"sft", "demonstration"}, {"dpo", "preference"},   {"kto", "judgement"},
      {"orpo", "preference"},   {"simpo", "preference"}, {"reward", "preference"},
      {"grpo", "task"}};
  for (const auto& [method, kind] : methods) {
    const auto recipe =
        parse_recipe("name = \"r\"\nalias = \"a\"\n[train]\nmethod = \"" + std::string(method) +
                         "\"\ntarget_modules = [\"q_proj\", \"v_proj\"]\n",
                     "r.toml");
    ASSERT_TRUE(recipe) << recipe.error().message;
    EXPECT_EQ(kind_for(recipe->train.method), kind);
    EXPECT_EQ(recipe->train.options.size(), 1U);
  }
  const auto simpo = parse_recipe(
      "name = \"r\"\nalias = \"a\"\n[train]\nmethod = \"simpo\"\nbeta = 2.5\ngamma = 1\n",
      "r.toml");
  ASSERT_TRUE(simpo) << simpo.error().message;
  EXPECT_EQ(simpo->train.options, (TrainOptions{{"beta", 2.5}, {"gamma", 1.0}}));
  EXPECT_EQ(method_options(simpo->train), simpo->train.options);
  const auto dpo = parse_recipe(
      "name = \"r\"\nalias = \"a\"\n[train]\nmethod = \"dpo\"\nbeta = 0.3\n", "r.toml");
  ASSERT_TRUE(dpo) << dpo.error().message;
  EXPECT_EQ(method_options(dpo->train),
            (TrainOptions{{"beta", 0.3}, {"loss", std::string("sigmoid")}, {"sft_weight", 0.2}}));

  EXPECT_EQ(error_of("[train]\nmethod = \"sft\"\nbeta = 0.1\n"),
            "r.toml: line 5: 'train.beta' is no field of method sft");
  EXPECT_EQ(error_of("[train]\nmethod = \"dpo\"\nloss = \"dapo\"\n"),
            "r.toml: line 5: 'train.loss' has 'dapo'; it may be: sigmoid, ipo, hinge, robust, "
            "sigmoid_norm");
  EXPECT_EQ(error_of("[train]\nmethod = \"grpo\"\nmax_new_tokens = 512\nmax_tokens = 512\n"),
            "r.toml: line 6: 'train.max_tokens' must be above max_new_tokens (512): the rest is "
            "what a prompt may have");
  EXPECT_EQ(error_of("[train]\nmethod = \"kto\"\ndesireable_weight = 2\n"),
            "r.toml: line 5: unknown field 'train.desireable_weight'; did you mean "
            "'desirable_weight'?");
}

TEST(Recipe, AsksForCurationInRange) {
  const auto recipe = parse_recipe(
      "name = \"r\"\nalias = \"a\"\n[dataset]\nnear_duplicates = 0.8\nlanguages = [\"en\"]\n"
      "max_examples = 10\nstratify = \"source\"\n[dataset.mix]\n\"import:votes\" = 2\nchat = 1\n",
      "r.toml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->dataset.mix.at("import:votes"), 2);
  EXPECT_EQ(error_of("[dataset]\nnear_duplicates = 0.3\n"),
            "r.toml: line 4: 'dataset.near_duplicates' must be 0 (equal texts only) or from 0.5 to "
            "1");
  EXPECT_NE(error_of("[dataset]\nlanguages = [\"tlh\"]\n").find("'tlh'"), std::string::npos);
  EXPECT_EQ(error_of("[dataset]\nleave_out = [\"typos\"]\n"),
            "r.toml: line 4: 'dataset.leave_out' has 'typos'; it may be: refusal, truncated");
  EXPECT_NE(error_of("[dataset.mix]\nchat = 1\n").find("needs stratify and max_examples"),
            std::string::npos);
  // Fields that would do nothing.
  EXPECT_EQ(error_of("[dataset]\nranked_pairs = true\n"),
            "r.toml: line 4: 'dataset.ranked_pairs' makes preferences: it needs that kind in "
            "'kinds'");
  EXPECT_EQ(error_of("[dataset]\nkinds = [\"task\"]\ntool_calls = true\n"),
            "r.toml: line 5: 'dataset.tool_calls' is for other kinds than task, whose answers are "
            "texts");
  EXPECT_EQ(error_of("[dataset]\ndecontaminate_words = 8\n"),
            "r.toml: line 4: 'dataset.decontaminate_words' needs files in 'decontaminate'");
  EXPECT_EQ(error_of("[dataset]\nstratify = \"team\"\n"),
            "r.toml: line 4: 'dataset.stratify' shares out max_examples: it needs that");
  EXPECT_EQ(error_of("[dataset]\nmax_examples = 9\nbalance = \"equal\"\n"),
            "r.toml: line 5: 'dataset.balance' shares out over strata: it needs stratify and "
            "max_examples");
}

}  // namespace
}  // namespace hone::curate
