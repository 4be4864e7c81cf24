// Whole runs: through run.toml, the dataset, checkpoints and results, in this process and, where a
// kill matters, in hone-engine's own.
#include "engine/train/train.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "engine/train/divergence.h"
#include "engine/train/engine_process_support.h"
#include "engine/train/score.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {
namespace {

constexpr const char* kSft =
    "method = \"sft\"\nlora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\nepochs = 2\n"
    "batch_size = 4\nwarmup_fraction = 0.1\nmax_tokens = 256\ncheckpoint_every = 7\n";
constexpr const char* kDpo =
    "method = \"dpo\"\nlora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\nepochs = 3\n"
    "batch_size = 4\nmax_tokens = 256\nbeta = 0.1\nsft_weight = 0.2\n";

const std::atomic<bool> kGoOn = false;

Result<Ending> train(const std::string& folder) {
  return train_run(folder, kGoOn);
}

void expect_error(const std::string& folder, const std::string& word) {
  const auto ending = train(folder);
  ASSERT_FALSE(ending);
  EXPECT_NE(ending.error().message.find(word), std::string::npos) << ending.error().message;
  const auto result = json::parse(read_all(folder + "/result.json")).as_object();
  EXPECT_EQ(result.at("state").as_string(), "failed");
  EXPECT_NE(std::string(result.at("error").as_string()).find(word), std::string::npos);
}

TEST(Train, LearnsAndLeavesWhatTheFormatSays) {
  const TempFolder temp;
  const std::string folder = write_tiny_run(temp, "run", tiny_demonstrations(24), kSft);
  const auto ending = train(folder);
  ASSERT_TRUE(ending) << ending.error().message;
  EXPECT_EQ(*ending, Ending::kDone);
  const auto lines = progress_of(folder);
  ASSERT_EQ(lines.size(), 12U);
  EXPECT_EQ(lines.front().at("step").to_number<int>(), 1);
  EXPECT_LT(lines.back().at("loss").to_number<double>(),
            0.9 * lines.front().at("loss").to_number<double>());
  for (const char* name : {"steps", "learning_rate", "grad_norm", "tokens", "seconds"})
    EXPECT_TRUE(lines.back().contains(name)) << name;
  const auto result = json::parse(read_all(folder + "/result.json")).as_object();
  EXPECT_EQ(result.at("state").as_string(), "done");
  EXPECT_EQ(result.at("output").as_string(), "adapter");
  EXPECT_GT(result.at("peak_memory_mb").to_number<double>(), 10.0);
  EXPECT_EQ(result.at("ranks").to_number<int>(), 1);
  const auto config = read_config(temp.path("model"));
  EXPECT_TRUE(load_lora(folder + "/adapter", *config));
}

TEST(Train, DpoWidensTheMargin) {
  const TempFolder temp;
  const std::string folder = write_tiny_run(temp, "run", tiny_preferences(24), kDpo);
  const auto ending = train(folder);
  ASSERT_TRUE(ending) << ending.error().message;
  const auto lines = progress_of(folder);
  EXPECT_NEAR(lines.front().at("margin").to_number<double>(), 0.0, 1e-5);
  EXPECT_GT(lines.back().at("margin").to_number<double>(), 0.05);
  EXPECT_GT(lines.back().at("accuracy").to_number<double>(), 0.7);
}

TEST(Train, FullTrainingLeavesAModelThatLoads) {
  const TempFolder temp;
  std::string fields = kSft;
  fields.replace(fields.find("lora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2"), 46,
                 "lora_r = 0\nlearning_rate = 3e-3");
  for (const std::string method : {"sft", "dpo"}) {
    const bool pairs = method == "dpo";
    std::string own = fields;
    own.replace(own.find("sft"), 3, method);
    const std::string folder =
        write_tiny_run(temp, method, pairs ? tiny_preferences(12) : tiny_demonstrations(12), own);
    const auto ending = train(folder);
    ASSERT_TRUE(ending) << ending.error().message;
    const auto lines = progress_of(folder);
    EXPECT_LT(lines.back().at("loss").to_number<double>(),
              lines.front().at("loss").to_number<double>());
    EXPECT_TRUE(load_llama(folder + "/model", at::kFloat));
    EXPECT_TRUE(Tokenizer::load(folder + "/model"));
  }
}

TEST(Train, AccumulationEqualsOneLargeBatch) {
  const TempFolder temp;
  std::string fields = kSft;
  const auto large = write_tiny_run(temp, "large", tiny_demonstrations(16), fields);
  fields.replace(fields.find("batch_size = 4"), 14, "batch_size = 1\ngradient_accumulation = 4");
  const auto small = write_tiny_run(temp, "small", tiny_demonstrations(16), fields);
  ASSERT_TRUE(train(large));
  ASSERT_TRUE(train(small));
  EXPECT_EQ(read_all(large + "/adapter/adapter_model.safetensors"),
            read_all(small + "/adapter/adapter_model.safetensors"));
}

TEST(Train, KilledAndResumedEndsWithTheSameBits) {
  const TempFolder temp;
  // Enough examples that a step takes some milliseconds, so that the kill falls between
  // checkpoints.
  std::string fields = kSft;
  fields.replace(fields.find("batch_size = 4"), 14, "batch_size = 32");
  const std::string data = tiny_demonstrations(90);
  fields.replace(fields.find("epochs = 2"), 10, "epochs = 4");
  const auto straight = write_tiny_run(temp, "straight", data, fields);
  const auto killed = write_tiny_run(temp, "killed", data, fields);
  ASSERT_EQ(wait_for(start_engine(straight)), 0) << read_all(straight + "/trainer.log");

  const pid_t child = start_engine(killed);
  wait_for_step(killed, 8);
  ::kill(child, SIGKILL);
  wait_for(child);
  ASSERT_TRUE(std::filesystem::exists(killed + "/checkpoints/step-7"));
  if (std::filesystem::exists(killed + "/result.json"))
    GTEST_SKIP() << "it was done before the kill";
  ASSERT_EQ(wait_for(start_engine(killed)), 0) << read_all(killed + "/trainer.log");
  EXPECT_NE(read_all(killed + "/trainer.log").find("going on from step 7"), std::string::npos);
  EXPECT_EQ(read_all(straight + "/adapter/adapter_model.safetensors"),
            read_all(killed + "/adapter/adapter_model.safetensors"));
  const auto lines = progress_of(killed);
  ASSERT_EQ(lines.size(), 12U);
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(lines[i].at("step").to_number<std::size_t>(), i + 1);
}

TEST(Train, StopsOnRequestWithACheckpoint) {
  const TempFolder temp;
  const auto straight = write_tiny_run(temp, "straight", tiny_demonstrations(24), kSft);
  const auto stopped = write_tiny_run(temp, "stopped", tiny_demonstrations(24), kSft);
  ASSERT_TRUE(train(straight));
  std::atomic<bool> stop = false;
  std::thread watcher([&] {
    while (progress_of(stopped).size() < 3) std::this_thread::yield();
    stop = true;
  });
  const auto first = train_run(stopped, stop);
  watcher.join();
  ASSERT_TRUE(first) << first.error().message;
  if (*first == Ending::kStopped) {
    EXPECT_FALSE(std::filesystem::exists(stopped + "/result.json"));
  }
  ASSERT_TRUE(train(stopped));
  EXPECT_EQ(read_all(straight + "/adapter/adapter_model.safetensors"),
            read_all(stopped + "/adapter/adapter_model.safetensors"));
}

TEST(Train, PassesOverADamagedCheckpoint) {
  const TempFolder temp;
  std::string fields = kSft;
  fields.replace(fields.find("checkpoint_every = 7"), 20, "checkpoint_every = 3");
  const auto straight = write_tiny_run(temp, "straight", tiny_demonstrations(24), fields);
  ASSERT_TRUE(train(straight));
  EXPECT_TRUE(std::filesystem::exists(straight + "/checkpoints/step-9"));
  EXPECT_TRUE(std::filesystem::exists(straight + "/checkpoints/step-6"));
  EXPECT_FALSE(std::filesystem::exists(straight + "/checkpoints/step-3"));  // the last two are kept
  const std::string adapter = read_all(straight + "/adapter/adapter_model.safetensors");
  std::filesystem::remove(straight + "/result.json");
  const std::string file = straight + "/checkpoints/step-9/optimizer.safetensors";
  std::string bytes = read_all(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_all(file, bytes);
  ASSERT_TRUE(train(straight));
  EXPECT_EQ(read_all(straight + "/adapter/adapter_model.safetensors"), adapter);
}

TEST(Train, RefusesACheckpointOfOtherData) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(32), kSft);
  ASSERT_TRUE(train(folder));
  std::filesystem::remove(folder + "/result.json");
  write_all(folder + "/train.jsonl", tiny_demonstrations(31));
  expect_error(folder, "belongs to another");
}

TEST(Train, NamesTheFieldAndLineOfAMistake) {
  const TempFolder temp;
  const auto data = tiny_demonstrations(4);
  expect_error(write_tiny_run(temp, "a", data, "method = \"sft\"\nlearning_rat = 1e-3"), "line 5");
  expect_error(write_tiny_run(temp, "b", data, "method = \"sft\"\nlearning_rat = 1e-3"),
               "learning_rate");
  expect_error(write_tiny_run(temp, "c", data, "method = \"ppo\""), "\"sft\", \"dpo\"");
  expect_error(write_tiny_run(temp, "d", data, "method = \"sft\"\nbatch_size = 0"), "batch_size");
  expect_error(write_tiny_run(temp, "e", data, "method = \"sft\"\ntarget_modules = [\"lm_head\"]"),
               "lm_head");
  expect_error(write_tiny_run(temp, "f", data, "method = \"sft\"\nepochs = \"two\""), "epochs");
}

TEST(Train, NamesTheLineOfABadExample) {
  const TempFolder temp;
  const auto with = [&](const std::string& name, const std::string& line) {
    return write_tiny_run(temp, name, tiny_demonstrations(2) + line + "\n", kSft);
  };
  expect_error(with("a", "{\"id\": "), "line 3");
  expect_error(with("b", R"({"id": "x", "messages": "none"})"), "messages");
  expect_error(with("c", R"({"id": "x", "messages": [{"role": "user", "content": "a"}]})"),
               "line 3: the last message is not the assistant's");
  expect_error(with("d", R"({"id": "ex0", "messages": [{"role": "assistant", "content": "a"}]})"),
               "twice");
  expect_error(with("e", R"({"id": "x", "messages": [{"role": "assistant", "content": 3}]})"),
               "content");
  expect_error(write_tiny_run(temp, "f", "\n\n", kSft), "is empty");
  expect_error(
      write_tiny_run(temp, "g", tiny_demonstrations(3), "method = \"sft\"\nmax_tokens = 4"),
      "longer than max_tokens");
  expect_error(write_tiny_run(temp, "h",
                              R"({"id": "x", "prompt": [{"role": "user", "content": "a"}],)"
                              R"( "chosen": "b", "rejected": "b"})",
                              kDpo),
               "line 1");
}

TEST(Train, StopsAtALossThatIsNotFinite) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"), std::numeric_limits<float>::quiet_NaN());
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(4), kSft);
  expect_error(folder, "not finite at step 1");
  const auto ending = train(folder);
  EXPECT_NE(ending.error().message.find("batch 1, examples "), std::string::npos)
      << ending.error().message;
  EXPECT_NE(ending.error().message.find("ex2"), std::string::npos) << ending.error().message;
}

TEST(Train, StopsAtALossThatDiverges) {
  const TempFolder temp;
  // So small a factor calls any loss astray, as soon as there are ten.
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(24),
                                     std::string(kSft) + "divergence = 0.01\n");
  expect_error(folder, "the loss diverges at step 10: ");
  expect_error(folder, "the step's examples: ex");  // again, from the checkpoint of step 7
  EXPECT_EQ(progress_of(folder).size(), 9U);
}

TEST(LossWatch, ComparesTheLastStepsWithTheFirst) {
  LossWatch losses;
  for (int i = 0; i < 10; ++i) losses.add(2.0);
  EXPECT_FALSE(losses.astray(3.0));
  losses.add(40.0);  // one bad step is none
  EXPECT_FALSE(losses.astray(3.0));
  losses.add(40.0);
  EXPECT_TRUE(losses.astray(3.0));
  EXPECT_FALSE(losses.astray(0.0));  // never
  LossWatch at_once;
  at_once.add(2.0);
  for (int i = 0; i < 9; ++i) at_once.add(400.0);
  EXPECT_TRUE(at_once.astray(3.0));
  LossWatch small;  // a loss about 0 may grow by any factor
  for (int i = 0; i < 10; ++i) small.add(-0.001);
  for (int i = 0; i < 10; ++i) small.add(2.9);
  EXPECT_FALSE(small.astray(3.0));
}

TEST(Train, SaysThatTheDiskIsFull) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(32), kSft);
  // A limit on the size of files fails a write as a full disk does.
  const int status = wait_for(start_engine(folder, "ulimit -f 8; trap '' XFSZ; "));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const auto result = json::parse(read_all(folder + "/result.json")).as_object();
  EXPECT_NE(std::string(result.at("error").as_string()).find("checkpoint of step 7"),
            std::string::npos)
      << result.at("error").as_string();
  EXPECT_NE(std::string(result.at("error").as_string()).find("there is no checkpoint yet"),
            std::string::npos)
      << result.at("error").as_string();
  // With room again it goes on.
  std::filesystem::remove(folder + "/result.json");
  EXPECT_EQ(wait_for(start_engine(folder)), 0) << read_all(folder + "/trainer.log");
}

TEST(Score, AgreesWithTheTrainersLossAndSumsUp) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const std::string conversation =
      R"({"messages": [{"role": "user", "content": "Greet a"}, {"role": "assistant", "content": "Hi!"}]})";
  std::istringstream in(conversation + "\n{\"ids\": [1, 2, 3, 4]}\n" + conversation + "\n");
  std::ostringstream out;
  const auto done = score_lines(in, out, {.model = temp.path("model")});
  ASSERT_TRUE(done) << done.error().message;
  std::istringstream lines(out.str());
  std::vector<json::object> answers;
  for (std::string line; std::getline(lines, line);)
    answers.push_back(json::parse(line).as_object());
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].at("logprobs").as_array().size(), 4U);  // H i ! and the end token
  EXPECT_EQ(answers[1].at("logprobs").as_array().size(), 3U);
  EXPECT_NEAR(answers[0].at("sum").as_double(), answers[2].at("sum").as_double(), 1e-5);
  EXPECT_NEAR(answers[0].at("sum").as_double(), 4 * answers[0].at("mean").as_double(), 1e-9);
  EXPECT_LT(answers[0].at("mean").as_double(), 0.0);
}

TEST(Score, GivesTheLikeliestTokensInEachPlace) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const std::string line = "{\"ids\": [1, 2, 3, 4]}\n{\"ids\": [5, 6]}\n";
  const auto scored = [&](std::int64_t topk) {
    std::istringstream in(line);
    std::ostringstream out;
    const auto done = score_lines(in, out, {.model = temp.path("model"), .topk = topk});
    EXPECT_TRUE(done) << done.error().message;
    std::vector<json::object> answers;
    std::istringstream lines(out.str());
    for (std::string one; std::getline(lines, one);)
      answers.push_back(json::parse(one).as_object());
    return answers;
  };
  const auto plain = scored(0);
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_FALSE(plain[0].contains("topk"));
  const auto all = scored(98);
  const auto three = scored(3);
  ASSERT_EQ(all.size(), 2U);
  const std::vector<std::vector<std::int64_t>> targets{{2, 3, 4}, {6}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& places = all[i].at("topk").as_array();
    ASSERT_EQ(places.size(), targets[i].size());
    for (std::size_t j = 0; j < places.size(); ++j) {
      const auto& tokens = places[j].as_array();
      ASSERT_EQ(tokens.size(), 98U);
      double total = 0;
      double before = 0;
      for (const auto& token : tokens) {
        const double logprob = token.at("logprob").as_double();
        EXPECT_LE(logprob, before);
        before = logprob;
        total += std::exp(logprob);
        if (token.at("id").as_int64() == targets[i][j]) {
          EXPECT_NEAR(logprob, all[i].at("logprobs").at(j).as_double(), 1e-5);
        }
      }
      EXPECT_NEAR(total, 1.0, 1e-4);
      const auto& best = three[i].at("topk").at(j).as_array();
      ASSERT_EQ(best.size(), 3U);
      EXPECT_EQ(best[0].at("id"), tokens[0].at("id"));
      EXPECT_NEAR(plain[i].at("logprobs").at(j).as_double(),
                  three[i].at("logprobs").at(j).as_double(), 1e-6);
    }
  }
  std::istringstream in(line);
  std::ostringstream out;
  const auto done = score_lines(in, out, {.model = temp.path("model"), .topk = 99});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("98"), std::string::npos) << done.error().message;
}

TEST(Score, NamesABadLineAndAnswersThoseBefore) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  std::istringstream in("{\"ids\": [1, 2]}\n{\"ids\": [1, 98]}\n");
  std::ostringstream out;
  const auto done = score_lines(in, out, {.model = temp.path("model")});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("line 2"), std::string::npos) << done.error().message;
  EXPECT_NE(out.str().find("logprobs"), std::string::npos);
}

}  // namespace
}  // namespace hone::engine
