#include "engine/train/rejection.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "engine/train/reward_model.h"
#include "engine/train/score.h"
#include "engine/train/tiny_tasks_support.h"

namespace hone::engine {
namespace {

RejectionOptions rejection(const TempFolder& temp, const std::string& out) {
  return {.model = temp.path("model"),
          .tasks = temp.path("tasks.jsonl"),
          .out = temp.path(out),
          .all = temp.path(out + ".all"),
          .n = 16,
          .temperature = 2.0,
          .max_new_tokens = 40,
          .max_tokens = 128,
          .seed = 5,
          .dtype = "fp32"};
}

TEST(Rejection, WritesTheBestAsDemonstrationsThatSftTakes) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  write_all(temp.path("tasks.jsonl"), tiny_tasks(12));
  const auto summary = sample_best(rejection(temp, "a"));
  ASSERT_TRUE(summary) << summary.error().message;
  const auto count = [&](const char* name) { return summary->at(name).to_number<std::int64_t>(); };
  EXPECT_EQ(count("tasks"), 12);
  EXPECT_EQ(count("answers"), 192);
  EXPECT_EQ(count("written") + count("none_passed"), 12);
  ASSERT_GT(count("written"), 0);
  const TinyChat tiny(temp);
  const auto demonstrations = read_demonstrations(temp.path("a"), tiny.chat, 256);
  ASSERT_TRUE(demonstrations) << demonstrations.error().message;
  EXPECT_EQ(static_cast<std::int64_t>(demonstrations->examples.size()), count("written"));
  for (const json::object& line : lines_of(temp.path("a"))) {
    const std::string answer(line.at("messages").as_array().back().at("content").as_string());
    ASSERT_FALSE(answer.empty());
    EXPECT_TRUE(answer[0] >= '!' && answer[0] <= 'O') << answer;
  }
  std::int64_t truncated = 0;
  for (const json::object& line : lines_of(temp.path("a.all"))) {
    truncated += line.at("truncated").as_bool() ? 1 : 0;
    if (line.at("truncated").as_bool()) {
      EXPECT_FALSE(line.at("passed").as_bool());
    }
  }
  EXPECT_EQ(truncated, count("truncated"));

  ASSERT_TRUE(sample_best(rejection(temp, "b")));
  EXPECT_EQ(read_all(temp.path("a")), read_all(temp.path("b")));
  EXPECT_EQ(read_all(temp.path("a.all")), read_all(temp.path("b.all")));
  RejectionOptions other = rejection(temp, "c");
  other.seed = 6;
  ASSERT_TRUE(sample_best(other));
  EXPECT_NE(read_all(temp.path("a.all")), read_all(temp.path("c.all")));
}

TEST(Rejection, CountsTasksThatNothingPasses) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  write_all(temp.path("tasks.jsonl"), tiny_tasks(3, R"({"type": "exact", "answer": "never"})"));
  const auto summary = sample_best(rejection(temp, "out"));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->at("none_passed").to_number<int>(), 3);
  EXPECT_EQ(read_all(temp.path("out")), "");
  EXPECT_FALSE(summary->contains("mean_best"));
}

TEST(Rejection, RanksByARewardModelAmongWhatPasses) {
  const TempFolder temp;
  const auto run = write_tiny_run(temp, "run", tiny_preferences(24),
                                  "method = \"reward\"\nlora_r = 4\nlearning_rate = 1e-2\n"
                                  "epochs = 1\nbatch_size = 6\nmax_tokens = 256\n");
  train(run);
  write_all(temp.path("tasks.jsonl"), tiny_tasks(6));
  RejectionOptions options = rejection(temp, "out");
  options.reward_model = run + "/adapter";
  const auto summary = sample_best(options);
  ASSERT_TRUE(summary) << summary.error().message;
  std::map<std::string, double> best;
  for (const json::object& line : lines_of(temp.path("out.all"))) {
    if (!line.at("passed").as_bool()) continue;
    const std::string id(line.at("id").as_string());
    const double reward = number(line, "reward");
    best[id] = best.contains(id) ? std::max(best[id], reward) : reward;
  }
  ASSERT_FALSE(best.empty());
  const auto written = lines_of(temp.path("out"));
  EXPECT_EQ(written.size(), best.size());
  std::string scored;
  for (const json::object& line : written) {
    EXPECT_EQ(number(line, "reward"), best.at(std::string(line.at("id").as_string())));
    scored += json::serialize(line) + "\n";
  }
  // `score --reward` gives the same numbers for the same conversations.
  std::istringstream in(scored);
  std::ostringstream out;
  const auto done = score_lines(
      in, out, {.model = temp.path("model"), .adapter = run + "/adapter", .reward = true});
  ASSERT_TRUE(done) << done.error().message;
  std::istringstream rewards(out.str());
  for (const json::object& line : written) {
    std::string text;
    ASSERT_TRUE(std::getline(rewards, text));
    EXPECT_NEAR(json::parse(text).at("reward").to_number<double>(), number(line, "reward"), 1e-4);
  }
}

TEST(Rejection, NamesWhatIsWrong) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  write_all(temp.path("tasks.jsonl"), tiny_tasks(2, ""));
  const auto unjudged = sample_best(rejection(temp, "out"));
  ASSERT_FALSE(unjudged);
  EXPECT_NE(unjudged.error().message.find("'task0' has no field 'verifier'"), std::string::npos)
      << unjudged.error().message;
  RejectionOptions headless = rejection(temp, "out");
  headless.reward_model = temp.path("model");
  const auto none = sample_best(headless);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("score.safetensors"), std::string::npos)
      << none.error().message;
  RejectionOptions long_answers = rejection(temp, "out");
  long_answers.max_new_tokens = 128;
  EXPECT_FALSE(sample_best(long_answers));
  EXPECT_FALSE(std::filesystem::exists(temp.path("out")));
}

}  // namespace
}  // namespace hone::engine
