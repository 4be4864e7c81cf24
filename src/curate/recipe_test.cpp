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
  for (const auto* file : {"house-style.toml", "dpo.toml"}) {
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
  EXPECT_EQ(error_of("[train]\nmethod = \"ppo\"\n"),
            "r.toml: line 4: 'train.method' has 'ppo'; it may be: sft, dpo");
  EXPECT_EQ(error_of("[dataset]\nheld_out_people = 1.5\n"),
            "r.toml: line 4: 'dataset.held_out_people' must be from 0 to 0.9");
  EXPECT_EQ(error_of("[dataset]\nkinds = [\"demos\"]\n"),
            "r.toml: line 4: 'dataset.kinds' has 'demos'; it may be: demonstration, preference, "
            "judgement");
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

}  // namespace
}  // namespace hone::curate
