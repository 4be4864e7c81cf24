#include "evaluate/scorer.h"

#include <gtest/gtest.h>

#include "evaluate/tiny_models_test_support.h"

namespace hone::evaluate {
namespace {

json::array ask(const std::string& text) {
  return {json::object{{"role", "user"}, {"content", text}}};
}

class ScorerOf : public ::testing::Test {
 protected:
  testing::TinyModels models_{{{"base", {.answer = "Sure: $"}}, {"endless", {.endless = true}}}};
  Scorer scorer_{{.base_url = models_.url(), .workers = 4}};
};

// "[house]" costs 6, "race" 1 (the prompt has it), "done" 4, the end of the turn 0.5; the
// template's newline after it is nobody's.
TEST_F(ScorerOf, SumsTheAnswersTokensAndItsEndAndNothingElse) {
  const auto scores = scorer_.score_all(
      {{"base", ask("fix the race"), "[house] race done"}, {"base", ask("a"), "b"}});
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_NEAR((*scores)[0].logprob, -11.5, 1e-9);
  EXPECT_EQ((*scores)[0].tokens, 4);
  EXPECT_NEAR((*scores)[0].per_token(), -11.5 / 4, 1e-9);
  EXPECT_NEAR((*scores)[1].logprob, -4.5, 1e-9);
}

TEST_F(ScorerOf, SumsACallWithTheToolsThatThePromptHas) {
  const auto calling =
      parse_json_object(R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1",)"
                        R"("type":"function","function":{"name":"Edit","arguments":"{}"}}]})");
  const auto tools = parse_json(R"([{"type":"function","function":{"name":"Edit"}}])");
  ASSERT_TRUE(calling && tools);
  const auto scores = scorer_.score_all({{"base", ask("fix it"), "", *calling, tools->as_array()},
                                         {"base", ask("fix it"), "", *calling}});
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_NEAR((*scores)[0].logprob, -5.5, 1e-9);  // the tool's name is in the prompt
  EXPECT_NEAR((*scores)[1].logprob, -8.5, 1e-9);
  EXPECT_EQ((*scores)[0].tokens, 3);
}

TEST_F(ScorerOf, KeepsTheOrderAndAsksForAPromptOnce) {
  std::vector<ScoreTask> tasks;
  for (int i = 0; i < 40; ++i) {
    std::string answer = "x";
    for (int k = 0; k < i % 5; ++k) answer += " x";
    tasks.push_back({"base", ask("same prompt"), answer});
  }
  std::size_t told = 0;
  const auto scores = scorer_.score_all(tasks, [&](std::size_t done, std::size_t all) {
    EXPECT_EQ(all, 40U);
    EXPECT_EQ(done, ++told);
  });
  ASSERT_TRUE(scores);
  EXPECT_EQ(told, 40U);
  for (int i = 0; i < 40; ++i) EXPECT_EQ((*scores)[static_cast<std::size_t>(i)].tokens, i % 5 + 2);
  EXPECT_EQ(models_.calls(), 41);
}

TEST_F(ScorerOf, GeneratesAndNoticesWhatDoesNotEnd) {
  const auto answers = scorer_.generate_all({{"base", ask("fix it"), 8}, {"endless", ask("x"), 8}});
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_EQ((*answers)[0].text, "Sure: it");
  EXPECT_FALSE((*answers)[0].endless);
  EXPECT_EQ((*answers)[0].tokens, 2);
  EXPECT_TRUE((*answers)[1].endless);
}

TEST_F(ScorerOf, NamesTheModelAndTheTaskThatFailed) {
  const auto scores = scorer_.score_all({{"base", ask("a"), "b"}, {"absent", ask("a"), "b"}});
  ASSERT_FALSE(scores);
  EXPECT_NE(scores.error().message.find("model absent, task 2"), std::string::npos)
      << scores.error().message;
  EXPECT_NE(scores.error().message.find("404"), std::string::npos);
}

TEST_F(ScorerOf, AnUpstreamThatIsAwayIsAnError) {
  const Scorer nowhere({.base_url = "http://127.0.0.1:1"});
  EXPECT_FALSE(nowhere.generate_all({{"base", ask("a"), 8}}));
  EXPECT_FALSE(Scorer({.base_url = "not a url"}).generate_all({{"base", ask("a"), 8}}));
}

TEST_F(ScorerOf, AnAnswerWithoutTokensIsAnErrorAndNoTasksAreNone) {
  EXPECT_TRUE(scorer_.score_all({})->empty());
  EXPECT_TRUE(scorer_.generate_all({})->empty());
}

}  // namespace
}  // namespace hone::evaluate
