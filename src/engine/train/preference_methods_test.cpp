// Whole runs of the methods that learn from judgements and pairs: KTO, ORPO, SimPO, reward models.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <sstream>

#include "engine/model/golden_test_support.h"
#include "engine/train/batch/loss_report.h"
#include "engine/train/tiny_model_support.h"
#include "engine/train/train.h"

namespace hone::engine {
namespace {

constexpr const char* kLora = "lora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\n";
constexpr const char* kFull = "lora_r = 0\nlearning_rate = 3e-3\n";
constexpr const char* kRest =
    "epochs = 3\nbatch_size = 6\nmax_tokens = 256\ncheckpoint_every = 5\n";

const std::atomic<bool> kGoOn = false;

std::string fields(const std::string& method, const std::string& size,
                   const std::string& more = "") {
  return "method = \"" + method + "\"\n" + size + kRest + more;
}

void train(const std::string& folder) {
  const auto ending = train_run(folder, kGoOn);
  ASSERT_TRUE(ending) << ending.error().message;
  ASSERT_EQ(*ending, Ending::kDone);
}

std::string error_of(const std::string& folder) {
  const auto ending = train_run(folder, kGoOn);
  return ending ? std::string() : ending.error().message;
}

std::vector<json::object> progress_of(const std::string& folder) {
  std::vector<json::object> lines;
  std::istringstream text(read_all(folder + "/progress.jsonl"));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line).as_object());
  return lines;
}

double number(const json::object& line, const char* name) {
  return line.at(name).to_number<double>();
}

// The mean of a figure over the four steps of an epoch; KTO leaves a label's out where a step has
// none of it.
double mean_of(const std::vector<json::object>& lines, std::size_t first, const char* name) {
  double sum = 0;
  int steps = 0;
  for (std::size_t i = first; i < first + 4; ++i) {
    if (!lines.at(i).contains(name)) continue;
    sum += number(lines.at(i), name);
    ++steps;
  }
  EXPECT_GT(steps, 0) << name;
  return sum / steps;
}

TEST(TrainKto, PullsRewardsApart) {
  for (const char* size : {kLora, kFull}) {
    const TempFolder temp;
    const auto folder = write_tiny_run(temp, "run", tiny_judgements(24), fields("kto", size));
    train(folder);
    const auto lines = progress_of(folder);
    ASSERT_EQ(lines.size(), 12U);
    // The policy is the reference still.
    EXPECT_NEAR(number(lines.front(), "loss"), 0.5, 1e-5);
    EXPECT_NEAR(number(lines.front(), "kl"), 0.0, 1e-4);
    EXPECT_LT(mean_of(lines, 8, "loss"), mean_of(lines, 0, "loss"));
    EXPECT_GT(mean_of(lines, 8, "chosen_reward"), mean_of(lines, 8, "rejected_reward"));
  }
}

TEST(TrainKto, TakesAStepOfOneExample) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_judgements(7), fields("kto", kLora));
  train(folder);
  EXPECT_EQ(progress_of(folder).size(), 6U);
}

TEST(TrainKto, NamesWhatIsWrongWithItsDataset) {
  const TempFolder temp;
  const auto with = [&](const std::string& name, const std::string& data) {
    return error_of(write_tiny_run(temp, name, data, fields("kto", kLora)));
  };
  EXPECT_NE(with("a", tiny_judgements(1)).find("at least two examples"), std::string::npos);
  EXPECT_NE(with("b", tiny_preferences(3)).find("line 1"), std::string::npos);
  const std::string unlabelled =
      R"({"id": "x", "prompt": [{"role": "user", "content": "a"}], "completion": "b"})";
  EXPECT_NE(with("c", unlabelled).find("'label' is missing"), std::string::npos);
}

TEST(TrainPairs, TeachThePreferredAnswer) {
  for (const std::string method : {"orpo", "simpo", "reward"}) {
    for (const char* size : {kLora, kFull}) {
      SCOPED_TRACE(method + " " + size);
      const TempFolder temp;
      const auto folder = write_tiny_run(temp, "run", tiny_preferences(24), fields(method, size));
      train(folder);
      const auto lines = progress_of(folder);
      ASSERT_EQ(lines.size(), 12U);
      EXPECT_LT(mean_of(lines, 8, "loss"), mean_of(lines, 0, "loss"));
      EXPECT_GT(mean_of(lines, 8, "margin"), mean_of(lines, 0, "margin"));
      EXPECT_GE(mean_of(lines, 8, "accuracy"), mean_of(lines, 0, "accuracy"));
    }
  }
}

TEST(TrainPairs, SimpoCountsTheNllOfChosenAnswers) {
  const TempFolder temp;
  const auto plain = write_tiny_run(temp, "a", tiny_preferences(12), fields("simpo", kLora));
  const auto mixed =
      write_tiny_run(temp, "b", tiny_preferences(12), fields("simpo", kLora, "sft_weight = 1.0\n"));
  train(plain);
  train(mixed);
  const double before = number(progress_of(plain).front(), "loss");
  EXPECT_GT(number(progress_of(mixed).front(), "loss"), before + 0.5);
}

TEST(TrainReward, LeavesItsHeadBesideTheAdapter) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_preferences(24), fields("reward", kLora));
  train(folder);
  const Tensors head = read_tensors(folder + "/adapter/score.safetensors");
  ASSERT_TRUE(head.contains("score.weight"));
  EXPECT_EQ(head.at("score.weight").sizes(), (std::vector<std::int64_t>{1, 32}));
  EXPECT_TRUE(head.at("score.weight").ne(0.0).all().item<bool>());
  // `hone-engine loss` finds it there.
  const std::string ids(4 * 8, '\0');
  std::string ones;
  for (int i = 0; i < 4; ++i) ones += std::string("\x01\0\0\0\0\0\0\0", 8);
  const std::string batch = temp.path("batch.safetensors");
  ASSERT_TRUE(write_safetensors(batch,
                                {{"in.input_ids", DType::kI64, {2, 2}, ids},
                                 {"in.attention_mask", DType::kI64, {2, 2}, ones}},
                                {}));
  const auto report = loss_report({.method = "reward",
                                   .policy = temp.path("model"),
                                   .adapter = folder + "/adapter",
                                   .batch = batch});
  ASSERT_TRUE(report) << report.error().message;
  // Both rows are the same, so that neither is preferred.
  EXPECT_NEAR(report->at("loss").as_double(), std::log(2.0), 1e-5);
  EXPECT_NE(report->at("metrics").as_object().at("mean_reward").as_double(), 0.0);
}

TEST(TrainReward, ResumesWithTheSameHeadBitByBit) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_preferences(24), fields("reward", kLora));
  train(folder);
  const std::string head = read_all(folder + "/adapter/score.safetensors");
  const std::string adapter = read_all(folder + "/adapter/adapter_model.safetensors");
  ASSERT_TRUE(std::filesystem::exists(folder + "/checkpoints/step-10/score.safetensors"));
  std::filesystem::remove(folder + "/result.json");
  train(folder);
  EXPECT_EQ(read_all(folder + "/adapter/score.safetensors"), head);
  EXPECT_EQ(read_all(folder + "/adapter/adapter_model.safetensors"), adapter);
}

TEST(TrainReward, AsksForTheMarginThatAPairWasRatedBy) {
  const TempFolder temp;
  const std::string pair =
      R"("prompt": [{"role": "user", "content": "a"}], "chosen": "b", "rejected": "c")";
  const auto loss_with = [&](const std::string& name, const std::string& margin) {
    const std::string line = R"({"id": "x", )" + pair + margin + "}\n";
    const auto folder = write_tiny_run(temp, name, line, fields("reward", kLora));
    train(folder);
    return number(progress_of(folder).front(), "loss");
  };
  EXPECT_GT(loss_with("b", R"(, "margin": 2.0)"), loss_with("a", "") + 1.0);
}

}  // namespace
}  // namespace hone::engine
