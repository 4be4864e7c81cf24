#include "feedback/policy.h"

#include <gtest/gtest.h>

namespace hone::feedback {
namespace {

std::string error_of(std::string_view text) {
  const auto policy = parse_policy(text, "my.toml");
  return policy ? "" : policy.error().message;
}

TEST(Policy, ShipsADefaultThatGivesAutomaticApprovalsNoWeight) {
  const Policy& policy = default_policy();
  EXPECT_EQ(policy.version, "2");
  EXPECT_EQ(policy.weight("accepted", "automatic"), 0);
  EXPECT_GT(policy.weight("accepted", "person"), 1);
  EXPECT_EQ(policy.direction("edited"), Direction::kFinal);
  EXPECT_EQ(policy.digest.size(), 64U);
  EXPECT_EQ(policy.weak, 0.25);
}

TEST(Policy, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(error_of("version = \"2\"\n[acepted]\ndirection = \"for\"\n"),
            "my.toml: line 2: unknown field 'acepted'; did you mean 'accepted'?");
  EXPECT_EQ(error_of("version = \"2\"\n[accepted]\ndirection = \"up\"\n"),
            "my.toml: line 3: 'accepted.direction' must be for, against, value, final or none");
  EXPECT_EQ(error_of("version = \"2\"\n[accepted]\ndirection = \"for\"\nperson = -1\n"),
            "my.toml: line 4: 'accepted.person' must be from 0 to 20");
  EXPECT_EQ(error_of("version = \"2\"\n[accepted]\ndirection = \"for\"\nhuman = 1\n"),
            "my.toml: line 4: unknown field 'accepted.human'");
  EXPECT_EQ(error_of("version = \"2\"\nweak = 2\n"), "my.toml: line 2: 'weak' must be from 0 to 1");
  EXPECT_NE(error_of("repeat = 0.5\n").find("'version' is missing"), std::string::npos);
  EXPECT_NE(error_of("version = \"1\"\nrepeat = nan\n").find("'repeat' must be from"),
            std::string::npos);
}

TEST(Policy, SaysWhatAValueMeans) {
  const ValueScale plain;
  EXPECT_EQ(plain.said(1), 1);
  EXPECT_EQ(plain.said(0.5), 0);
  EXPECT_EQ(plain.said(0), -1);
  EXPECT_EQ(plain.said(7), 1) << "off the scale";
  const KindPolicy* persisted = default_policy().kind("persisted");
  ASSERT_NE(persisted, nullptr);
  EXPECT_NEAR(persisted->scale.said(0.67), 0, 1e-12);
  EXPECT_NEAR(persisted->scale.said(0.835), 0.5, 1e-12);
  EXPECT_NEAR(persisted->scale.said(0.585), -1, 1e-12);
  EXPECT_NEAR(persisted->scale.said(0.5), -2, 1e-12);
  EXPECT_NEAR(persisted->scale.said(0.1), -2, 1e-12);
  EXPECT_TRUE(persisted->latest);
  EXPECT_EQ(persisted->rung(0), 1);
  EXPECT_EQ(persisted->rung(119), 1);
  EXPECT_EQ(persisted->rung(120), 1.7);
  EXPECT_EQ(persisted->rung(1e6), 2.5);
}

TEST(Policy, WeighsASourceThatWasMeasuredByItself) {
  const Policy& policy = default_policy();
  EXPECT_EQ(policy.weight("accepted", "person", "import:cups-copilot"), 1.3);
  EXPECT_EQ(policy.weight("accepted", "person", "import:cups-copilot-2"), 1.3);
  EXPECT_EQ(policy.weight("accepted", "person", "import:cups"), 2.2);
  EXPECT_EQ(policy.weight("accepted", "agent", "import:cups-copilot"), 0.7) << "not measured";
  EXPECT_EQ(policy.weight("rejected", "person", "import:cups-copilot"), 2.2);
}

TEST(Policy, MaySilenceASource) {
  const auto policy = parse_policy(
      "version = \"0\"\n[accepted]\ndirection = \"for\"\nperson = 2\n"
      "[[source]]\nmatch = \"api:bot\"\nkind = \"accepted\"\nperson = 0\n",
      "p");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->weight("accepted", "person", "api:bot"), 0);
  EXPECT_EQ(policy->weight("accepted", "person", "api:bots"), 2);
}

TEST(Policy, DoesNothingThatItsFileDoesNotName) {
  const auto policy = parse_policy("version = \"0\"\n[rated]\ndirection = \"value\"\n", "p");
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->habits.on);
  EXPECT_EQ(policy->brigade.persons, 0);
  EXPECT_EQ(policy->person_cap, 0);
  EXPECT_EQ(policy->team_cap, 0);
  EXPECT_EQ(policy->contested_share, 0);
  EXPECT_FALSE(policy->kind("rated")->latest);
  EXPECT_EQ(policy->kind("rated")->half_life_days, 0);
  EXPECT_TRUE(default_policy().habits.on);
  EXPECT_EQ(default_policy().brigade.window, std::chrono::minutes(10));
}

TEST(Policy, RefusesAScaleOrLadderThatMakesNoSense) {
  const std::string head = "version = \"2\"\n[persisted]\ndirection = \"value\"\n";
  EXPECT_EQ(error_of(head + "worst = 0.8\n"),
            "my.toml: line 4: 'persisted.worst' needs 'worst' below 'neutral'");
  EXPECT_EQ(error_of(head + "neutral = 1.0\n"),
            "my.toml: line 4: 'persisted.neutral' must be below 1");
  EXPECT_EQ(error_of(head + "after = [1, 2]\ntimes = [1]\n"),
            "my.toml: line 5: 'persisted.times' needs as many numbers in 'after' as in 'times', at "
            "most 16");
  EXPECT_EQ(error_of(head + "after = [2, 1]\ntimes = [1, 2]\n"),
            "my.toml: line 4: 'persisted.after' must rise, in seconds from 0 on");
  EXPECT_EQ(error_of("version = \"2\"\n[[source]]\nmatch = \"x\"\nkind = \"acepted\"\n"),
            "my.toml: line 4: 'source.kind' 'acepted' is no kind of feedback");
  EXPECT_EQ(error_of("version = \"2\"\n[brigade]\npersons = 1\n"),
            "my.toml: line 3: 'brigade.persons' must be from 2 to 1000000");
}

}  // namespace
}  // namespace hone::feedback
