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
  EXPECT_EQ(policy.version, "1");
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

}  // namespace
}  // namespace hone::feedback
