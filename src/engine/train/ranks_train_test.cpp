// One run trained by several ranks: what one would have computed, to the order of additions, and
// the same bits in every run. Ranks are threads here; where one is killed or stopped, processes.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/model/golden_test_support.h"
#include "engine/ranks/ranks_test_support.h"
#include "engine/train/engine_process_support.h"
#include "engine/train/tiny_tasks_support.h"
#include "engine/train/train.h"

namespace hone::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLora = "lora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\n";
constexpr const char* kFull = "lora_r = 0\nlearning_rate = 3e-3\nweight_decay = 0.1\n";
// 19 examples: the last step of an epoch has one, so that other ranks have none.
constexpr int kExamples = 19;
constexpr const char* kRest =
    "epochs = 2\nbatch_size = 6\nmax_tokens = 256\ncheckpoint_every = 3\nthreads = 1\n"
    "dtype = \"fp32\"\n";

const std::atomic<bool> kGoOn = false;

void train_with(const std::string& folder, int ranks) {
  const World world = world_of(ranks);
  on_every_rank(world, [&](std::size_t rank, Collective&) {
    const auto ending = train_run(folder, kGoOn, world[rank]);
    ASSERT_TRUE(ending) << rank << ": " << ending.error().message;
    EXPECT_EQ(*ending, Ending::kDone);
  });
}

Tensors output_of(const std::string& folder) {
  if (fs::exists(folder + "/model")) return read_tensors(folder + "/model/model.safetensors");
  Tensors all = read_tensors(folder + "/adapter/adapter_model.safetensors");
  const std::string score = folder + "/adapter/score.safetensors";
  if (fs::exists(score)) all.merge(read_tensors(score));
  return all;
}

// How far `got` is from `want`, by how far training moved the weights. An adapter's B begins at 0.
double distance(const Tensors& got, const Tensors& want, const Tensors& before) {
  double apart = 0;
  double moved = 0;
  for (const auto& [name, tensor] : want) {
    const bool is_b = name.find("lora_B") != std::string::npos;
    if (!is_b && !before.contains(name)) continue;
    const at::Tensor start = is_b ? at::zeros_like(tensor) : before.at(name);
    apart += (got.at(name) - tensor).square().sum().item<double>();
    moved += (tensor - start).square().sum().item<double>();
  }
  return std::sqrt(apart / moved);
}

void expect_same_line(const json::object& got, const json::object& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, value] : want) {
    if (name == "seconds") continue;
    ASSERT_TRUE(got.contains(name)) << name;
    const double expected = value.to_number<double>();
    EXPECT_NEAR(got.at(name).to_number<double>(), expected, tolerance * (1.0 + std::abs(expected)))
        << name;
  }
}

struct Case {
  std::string method;
  const char* size;
  std::string data;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* size : {kLora, kFull}) {
    all.push_back({"sft", size, tiny_demonstrations(kExamples)});
    all.push_back({"kto", size, tiny_judgements(kExamples)});
    for (const char* method : {"dpo", "orpo", "simpo", "reward"})
      all.push_back({method, size, tiny_preferences(kExamples)});
  }
  return all;
}

TEST(Ranks, TrainTogetherWhatOneTrainsAlone) {
  for (const Case& run : cases()) {
    SCOPED_TRACE(run.method + " " + run.size);
    const TempFolder temp;
    const std::string fields = "method = \"" + run.method + "\"\n" + run.size + kRest;
    const auto one = write_tiny_run(temp, "one", run.data, fields);
    const auto two = write_tiny_run(temp, "two", run.data, fields);
    train_with(one, 1);
    train_with(two, 2);
    const auto want = progress_of(one);
    const auto got = progress_of(two);
    ASSERT_EQ(want.size(), 8U);
    ASSERT_EQ(got.size(), 8U);
    // Before anything has moved, sums differ by the order of additions alone; a loss that were
    // normalised by a rank's tokens, or a gradient that were a mean over ranks, would not pass.
    expect_same_line(got[0], want[0], 2e-5);
    for (std::size_t i = 1; i < want.size(); ++i) {
      for (const char* name : {"loss", "grad_norm"}) {
        const double expected = want[i].at(name).to_number<double>();
        EXPECT_NEAR(got[i].at(name).to_number<double>(), expected, 0.02 * (1.0 + expected))
            << name << " of step " << i + 1;
      }
      EXPECT_EQ(got[i].at("tokens"), want[i].at("tokens"));
    }
    EXPECT_LT(distance(output_of(two), output_of(one),
                       read_tensors(temp.path("model/model.safetensors"))),
              0.05);
    const auto result = json::parse(read_all(two + "/result.json")).as_object();
    EXPECT_EQ(result.at("ranks").to_number<int>(), 2);
  }
}

TEST(Ranks, GiveTheSameBitsInEveryRunAndAfterAResume) {
  for (const char* size : {kLora, kFull}) {
    const TempFolder temp;
    const std::string fields = std::string("method = \"dpo\"\n") + size + kRest;
    const auto first = write_tiny_run(temp, "first", tiny_preferences(kExamples), fields);
    const auto second = write_tiny_run(temp, "second", tiny_preferences(kExamples), fields);
    train_with(first, 3);
    train_with(second, 3);
    const std::string output = fs::exists(first + "/adapter") ? "/adapter/adapter_model.safetensors"
                                                              : "/model/model.safetensors";
    const std::string weights = read_all(first + output);
    EXPECT_EQ(read_all(second + output), weights);
    // The moments that three ranks had in parts are whole in the checkpoint.
    const std::string optimizer = "/checkpoints/step-6/optimizer.safetensors";
    EXPECT_EQ(read_all(second + optimizer), read_all(first + optimizer));
    fs::remove(first + "/result.json");
    train_with(first, 3);
    EXPECT_EQ(read_all(first + output), weights);
  }
}

constexpr const char* kSampling =
    "method = \"grpo\"\nlora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\ngroup_size = 6\n"
    "max_new_tokens = 6\nmax_tokens = 128\ntemperature = 2.0\nthreads = 1\ndtype = \"fp32\"\n";

// Five groups: of six ranks one has none. All figures but a group's own are the whole step's.
TEST(Ranks, SampleAndLearnTogetherWhatOneDoesAlone) {
  for (const std::string more :
       {"loss = \"dapo\"\n", "loss = \"grpo\"\nscale_rewards = \"batch\"\n", "loss = \"dr_grpo\"\n",
        "beta = 0.1\niterations = 2\n", "dynamic_sampling = 3\n"}) {
    SCOPED_TRACE(more);
    const TempFolder temp;
    const std::string fields = std::string(kSampling) + "epochs = 1\nbatch_size = 5\n" + more;
    const auto one = write_tiny_run(temp, "one", tiny_tasks(5), fields);
    train_with(one, 1);
    const auto want = progress_of(one);
    ASSERT_FALSE(want.empty());
    ASSERT_GT(number(want[0], "grad_norm"), 0);
    for (const int ranks : {2, 6}) {
      const auto several =
          write_tiny_run(temp, "ranks" + std::to_string(ranks), tiny_tasks(5), fields);
      train_with(several, ranks);
      const auto got = progress_of(several);
      ASSERT_EQ(got.size(), want.size());
      expect_same_line(got[0], want[0], 2e-5);
      EXPECT_LT(distance(output_of(several), output_of(one),
                         read_tensors(temp.path("model/model.safetensors"))),
                0.05)
          << ranks;
    }
  }
}

TEST(Ranks, SampleTheSameInEveryRunAndAfterAResume) {
  const TempFolder temp;
  const std::string fields = std::string(kSampling) +
                             "epochs = 2\nbatch_size = 3\ndynamic_sampling = 2\niterations = 2\n"
                             "checkpoint_every = 2\n";
  const auto first = write_tiny_run(temp, "first", tiny_tasks(7), fields);
  const auto second = write_tiny_run(temp, "second", tiny_tasks(7), fields);
  train_with(first, 2);
  train_with(second, 2);
  const std::string weights = read_all(first + "/adapter/adapter_model.safetensors");
  EXPECT_EQ(read_all(second + "/adapter/adapter_model.safetensors"), weights);
  ASSERT_TRUE(fs::exists(first + "/checkpoints/step-10"));
  fs::remove(first + "/result.json");
  fs::remove_all(first + "/adapter");
  train_with(first, 2);
  EXPECT_EQ(read_all(first + "/adapter/adapter_model.safetensors"), weights);
}

TEST(Ranks, ACheckpointOfOneIsGoneOnWithByTwo) {
  const TempFolder temp;
  const std::string fields = std::string("method = \"sft\"\n") + kFull + kRest;
  const auto one = write_tiny_run(temp, "one", tiny_demonstrations(kExamples), fields);
  train_with(one, 1);
  const Tensors want = output_of(one);
  fs::remove(one + "/result.json");
  train_with(one, 2);  // from step 6 on
  EXPECT_LT(distance(output_of(one), want, read_tensors(temp.path("model/model.safetensors"))),
            0.02);
}

TEST(Ranks, AnotherRunIsAnErrorOnAll) {
  const TempFolder temp;
  const std::string fields = std::string("method = \"sft\"\n") + kLora + kRest;
  const std::vector<std::string> folders = {
      write_tiny_run(temp, "a", tiny_demonstrations(8), fields),
      write_tiny_run(temp, "b", tiny_demonstrations(8), fields + "weight_decay = 0.1\n")};
  const World world = world_of(2);
  std::vector<std::string> messages(2);
  on_every_rank(world, [&](std::size_t rank, Collective&) {
    const auto ending = train_run(folders[rank], kGoOn, world[rank]);
    if (!ending) messages[rank] = ending.error().message;
  });
  for (const std::string& message : messages) {
    EXPECT_NE(message.find("rank 1 has another run.toml or dataset than rank 0"), std::string::npos)
        << message;
  }
  EXPECT_EQ(json::parse(read_all(folders[0] + "/result.json")).at("state").as_string(), "failed");
  EXPECT_FALSE(fs::exists(folders[1] + "/result.json"));
}

TEST(Ranks, NameTheRankWhoseExamplesAreNotFinite) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"), std::numeric_limits<float>::quiet_NaN());
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(4),
                                     std::string("method = \"sft\"\n") + kLora + kRest);
  const World world = world_of(2);
  on_every_rank(world, [&](std::size_t rank, Collective&) {
    const auto ending = train_run(folder, kGoOn, world[rank]);
    ASSERT_FALSE(ending);
    EXPECT_NE(ending.error().message.find("not finite at step 1; rank 0, batch 1, examples ex"),
              std::string::npos)
        << ending.error().message;
  });
}

// Real processes, as torchrun would start them.
class Processes {
 public:
  explicit Processes(std::string folder) : folder_(std::move(folder)) {
    const std::string port = std::to_string(free_port());
    for (const std::string rank : {"0", "1"}) {
      children_.push_back(start_engine(folder_,
                                       "export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=" +
                                           port + " RANK=" + rank + " LOCAL_RANK=" + rank + "; ",
                                       "rank" + rank + ".log"));
    }
  }
  ~Processes() {
    for (const pid_t child : children_) {
      if (child > 0) ::kill(child, SIGKILL);
      if (child > 0) wait_for(child);
    }
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void signal(std::size_t rank, int number) { ::kill(children_[rank], number); }
  int end_of(std::size_t rank) { return wait_for(std::exchange(children_[rank], -1)); }
  [[nodiscard]] std::string log(std::size_t rank) const {
    return read_all(folder_ + "/rank" + std::to_string(rank) + ".log");
  }

 private:
  std::string folder_;
  std::vector<pid_t> children_;
};

// Many short steps, with checkpoints between.
std::string long_fields() {
  return std::string("method = \"sft\"\n") + kLora +
         "epochs = 20\nbatch_size = 32\nmax_tokens = 256\ncheckpoint_every = 7\nthreads = 1\n";
}

void expect_done(const std::string& folder) {
  Processes ranks(folder);
  for (const std::size_t rank : {0U, 1U}) EXPECT_EQ(ranks.end_of(rank), 0) << ranks.log(rank);
}

TEST(RankProcesses, AKilledOneEndsTheOtherAndTheNextStartGoesOnExactly) {
  const TempFolder temp;
  const auto straight = write_tiny_run(temp, "straight", tiny_demonstrations(90), long_fields());
  const auto broken = write_tiny_run(temp, "broken", tiny_demonstrations(90), long_fields());
  expect_done(straight);
  for (const std::size_t killed : {1U, 0U}) {
    const std::size_t other = 1 - killed;
    Processes ranks(broken);
    wait_for_step(broken, steps_done(broken) + 8, "rank0.log");
    ranks.signal(killed, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(ranks.end_of(killed))) << "it was done before the kill";
    const int status = ranks.end_of(other);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << ranks.log(other);
    const std::string name = "rank " + std::to_string(killed) + " is gone";
    EXPECT_NE(ranks.log(other).find(name), std::string::npos) << ranks.log(other);
    if (killed == 1) {
      const auto result = json::parse(read_all(broken + "/result.json")).as_object();
      EXPECT_EQ(result.at("state").as_string(), "failed");
      EXPECT_NE(std::string(result.at("error").as_string()).find(name), std::string::npos);
    }
  }
  expect_done(broken);
  EXPECT_EQ(read_all(broken + "/adapter/adapter_model.safetensors"),
            read_all(straight + "/adapter/adapter_model.safetensors"));
}

TEST(RankProcesses, ASignalToOneStopsAllWithACheckpoint) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(90), long_fields());
  {
    Processes ranks(folder);
    wait_for_step(folder, 3, "rank0.log");
    ranks.signal(1, SIGTERM);
    for (const std::size_t rank : {0U, 1U}) {
      const int status = ranks.end_of(rank);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 75) << ranks.log(rank);
    }
  }
  EXPECT_FALSE(fs::exists(folder + "/result.json"));
  const auto done = steps_done(folder);
  EXPECT_TRUE(fs::exists(folder + "/checkpoints/step-" + std::to_string(done) + "/state.json"));
  expect_done(folder);
}

TEST(RankProcesses, SayWhatTheirEnvironmentLacks) {
  const TempFolder temp;
  const auto folder = write_tiny_run(temp, "run", tiny_demonstrations(4), long_fields());
  const int status = wait_for(start_engine(folder, "export WORLD_SIZE=2; unset RANK; "));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(read_all(folder + "/trainer.log").find("RANK is missing"), std::string::npos);
}

}  // namespace
}  // namespace hone::engine
