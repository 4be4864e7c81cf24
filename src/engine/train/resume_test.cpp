// A run that is killed, whenever, or finds no room on the disk, ends with the weights that an
// undisturbed one has, bit by bit, once it is started again.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "base/random.h"
#include "engine/train/engine_process_support.h"
#include "engine/train/tiny_model_support.h"
#include "engine/train/train.h"

namespace hone::engine {
namespace {

namespace fs = std::filesystem;

const std::atomic<bool> kGoOn = false;

struct Case {
  const char* method;
  const char* size;
  std::string data;
};

std::vector<Case> cases() {
  constexpr const char* kLora = "lora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\n";
  constexpr const char* kFull = "lora_r = 0\nlearning_rate = 3e-3\n";
  return {{"sft", kLora, tiny_demonstrations(24)}, {"sft", kFull, tiny_demonstrations(24)},
          {"dpo", kLora, tiny_preferences(24)},    {"kto", kLora, tiny_judgements(24)},
          {"orpo", kLora, tiny_preferences(24)},   {"simpo", kFull, tiny_preferences(24)},
          {"reward", kLora, tiny_preferences(24)}};
}

// A checkpoint a step, so that most moments lie within the writing of one.
std::string fields_of(const Case& run) {
  return std::string("method = \"") + run.method + "\"\n" + run.size +
         "epochs = 6\nbatch_size = 6\nmax_tokens = 256\nthreads = 1\ncheckpoint_every = 1\n";
}

std::string weights_of(const std::string& folder) {
  std::string bytes;
  for (const char* name : {"adapter/adapter_model.safetensors", "adapter/score.safetensors",
                           "model/model.safetensors"}) {
    if (fs::exists(folder + "/" + name)) bytes += read_all(folder + "/" + name);
  }
  EXPECT_FALSE(bytes.empty()) << folder;
  return bytes;
}

void train(const std::string& folder) {
  const auto ending = train_run(folder, kGoOn);
  ASSERT_TRUE(ending) << ending.error().message;
  ASSERT_EQ(*ending, Ending::kDone);
}

// Starts the run and kills it some moments after its next step; true where it was at work still.
bool kill_once(const std::string& folder, Random& random) {
  const pid_t child = start_engine(folder);
  const std::int64_t before = steps_done(folder);
  for (int i = 0; i < 6000 && steps_done(folder) <= before; ++i) {
    if (fs::exists(folder + "/result.json")) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::this_thread::sleep_for(std::chrono::microseconds(random.below(40'000)));
  ::kill(child, SIGKILL);
  return WIFSIGNALED(wait_for(child));
}

TEST(Resume, KilledAtAnyMomentEndsWithTheSameBitsForEveryMethod) {
  Random random(11);
  const int kills = std::getenv("HONE_FULL") != nullptr ? 12 : 2;
  int killed = 0;
  for (const Case& run : cases()) {
    SCOPED_TRACE(run.method);
    const TempFolder temp;
    const auto straight = write_tiny_run(temp, "straight", run.data, fields_of(run));
    const auto broken = write_tiny_run(temp, "broken", run.data, fields_of(run));
    train(straight);
    for (int i = 0; i < kills; ++i) killed += kill_once(broken, random) ? 1 : 0;
    train(broken);
    EXPECT_EQ(weights_of(broken), weights_of(straight)) << read_all(broken + "/trainer.log");
    const auto lines = progress_of(broken);
    ASSERT_EQ(lines.size(), 24U);
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(lines[i].at("step").to_number<std::size_t>(), i + 1);
  }
  EXPECT_GT(killed, 0) << "every run was done before its kill";
}

TEST(Resume, WhatAKillLeftOfACheckpointIsPassedOver) {
  const TempFolder temp;
  Case run = cases().front();
  const auto folder = write_tiny_run(temp, "run", run.data, fields_of(run));
  train(folder);
  const std::string weights = weights_of(folder);
  const std::string checkpoints = folder + "/checkpoints/";
  ASSERT_TRUE(fs::exists(checkpoints + "step-23"));
  // One being written, one of which a power cut left half, and an output being written.
  fs::create_directories(checkpoints + "step-24.part");
  write_all(checkpoints + "step-24.part/optimizer.safetensors", "half");
  fs::remove(checkpoints + "step-23/state.json");
  fs::rename(folder + "/adapter", folder + "/adapter.part");
  fs::remove(folder + "/result.json");
  train(folder);
  EXPECT_EQ(weights_of(folder), weights);
  EXPECT_FALSE(fs::exists(folder + "/adapter.part"));
}

TEST(Resume, AFullDiskLeavesTheLastGoodCheckpoint) {
  const TempFolder temp;
  const Case run = cases().front();
  const auto straight = write_tiny_run(temp, "straight", run.data, fields_of(run));
  const auto full = write_tiny_run(temp, "full", run.data, fields_of(run));
  train(straight);
  const pid_t child = start_engine(full);
  wait_for_step(full, 3);
  ::kill(child, SIGKILL);
  wait_for(child);
  if (fs::exists(full + "/result.json")) GTEST_SKIP() << "it was done before the kill";
  // A limit on the size of files fails a write as a full disk does. progress.jsonl fits still.
  ASSERT_EQ(WEXITSTATUS(wait_for(start_engine(full, "ulimit -f 20; trap '' XFSZ; "))), 1);
  const auto result = json::parse(read_all(full + "/result.json")).as_object();
  const std::string error(result.at("error").as_string());
  EXPECT_NE(error.find("checkpoint of step "), std::string::npos) << error;
  EXPECT_NE(error.find("start the run again: it goes on from the checkpoint of step "),
            std::string::npos)
      << error;
  for (const auto& entry : fs::directory_iterator(full + "/checkpoints"))
    EXPECT_TRUE(fs::exists(entry.path() / "state.json")) << entry.path();
  fs::remove(full + "/trainer.log");
  ASSERT_EQ(wait_for(start_engine(full)), 0) << read_all(full + "/trainer.log");
  EXPECT_NE(read_all(full + "/trainer.log").find("going on from step "), std::string::npos);
  EXPECT_EQ(weights_of(full), weights_of(straight));
}

}  // namespace
}  // namespace hone::engine
