// Whole runs of GRPO on a model of some thousand weights.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <sstream>

#include "engine/model/golden_test_support.h"
#include "engine/serve/end_tokens.h"
#include "engine/train/rollouts.h"
#include "engine/train/tiny_tasks_support.h"

namespace hone::engine {
namespace {

// At this temperature the tiny model says everything now and then.
constexpr const char* kGrpo =
    "method = \"grpo\"\nlora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2\nschedule = \"constant\"\n"
    "batch_size = 4\ngroup_size = 8\nmax_new_tokens = 6\nmax_tokens = 128\ntemperature = 2.0\n"
    "dtype = \"fp32\"\n";
const std::atomic<bool> kGoOn = false;

std::string error_of(const std::string& folder) {
  const auto ending = train_run(folder, kGoOn);
  return ending ? std::string() : ending.error().message;
}

std::string adapter_of(const std::string& folder) {
  return read_all(folder + "/adapter/adapter_model.safetensors");
}

// The policy that a run over the tiny model begins with.
Policy first_policy(const TempFolder& temp) {
  auto weights = load_llama(temp.path("model"), at::kFloat);
  EXPECT_TRUE(weights) << weights.error().message;
  LoraAdapter adapter = make_lora(weights->config, {.r = 4, .alpha = 8}, Random(3).fork(1));
  return make_policy(std::move(*weights), std::move(adapter), at::kFloat, false);
}

TEST(Grpo, RaisesTheRewardOfWhatIsSampled) {
  for (const std::string loss : {"dapo", "grpo", "dr_grpo", "gspo"}) {
    SCOPED_TRACE(loss);
    const TempFolder temp;
    const auto folder = write_tiny_run(temp, "run", tiny_tasks(8),
                                       kGrpo + ("epochs = 12\nloss = \"" + loss + "\"\n"));
    train(folder);
    const auto lines = lines_of(folder + "/progress.jsonl");
    ASSERT_EQ(lines.size(), 24U);
    double before = 0;
    double after = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      before += number(lines[i], "reward") / 4;
      after += number(lines[20 + i], "reward") / 4;
    }
    EXPECT_GT(after, before + 0.1);
    for (const char* name : {"reward_standard_error", "completion_tokens", "truncated", "groups",
                             "groups_without_spread", "clip_low", "clip_high"}) {
      EXPECT_TRUE(lines.front().contains(name)) << name;
    }
    EXPECT_LE(number(lines.front(), "completion_tokens"), 6);
    EXPECT_EQ(number(lines.front(), "groups"), 4);
    EXPECT_EQ(number(lines.front(), "clip_low") + number(lines.front(), "clip_high"), 0);
  }
}

// training.md, "Checks with known answers": GRPO, on-policy, one step.
TEST(Grpo, OnPolicyItsStepIsThatOfReinforceWithTheSameAdvantages) {
  const TempFolder temp;
  const auto folder =
      write_tiny_run(temp, "run", tiny_tasks(4),
                     std::string(kGrpo) + "epochs = 1\nloss = \"grpo\"\nmax_grad_norm = 1e9\n");
  train(folder);
  const auto lines = lines_of(folder + "/progress.jsonl");
  ASSERT_EQ(lines.size(), 1U);

  const Policy policy = first_policy(temp);
  const TinyChat tiny(temp);
  const auto tasks = read_tasks(folder + "/train.jsonl", tiny.chat, 122);
  ASSERT_TRUE(tasks) << tasks.error().message;
  const Random random = Random(3).fork(3).fork(0).fork(0);  // the answers' stream, batch, round
  std::vector<SampleRequest> requests;
  for (const std::size_t task : plan_steps(4, 4, 1.0, 3).at(0))
    requests.push_back({tasks->examples[task].prompt, 8, random.fork(task).next()});
  PolicySampler sampler(policy, Arithmetic::kFp32, 128);
  const auto groups =
      sampler.sample(requests, {.temperature = 2.0,
                                .max_new_tokens = 6,
                                .end_tokens = end_tokens_of(policy.weights.config, tiny.chat)});
  ASSERT_TRUE(groups) << groups.error().message;

  // REINFORCE by hand: - 1/N sum_i A_i mean_t log pi(token), logits divided by the temperature.
  at::Tensor loss = at::zeros({});
  double total = 0;
  for (std::size_t g = 0; g < groups->size(); ++g) {
    std::vector<double> rewards;
    for (const SampledAnswer& answer : (*groups)[g]) {
      const std::string text = tiny.tokenizer.decode(answer.ids, true);
      rewards.push_back(!text.empty() && text[0] >= '!' && text[0] <= 'O' ? 1.0 : 0.0);
    }
    double mean = 0;
    double squares = 0;
    for (const double reward : rewards) mean += reward / 8;
    for (const double reward : rewards) squares += (reward - mean) * (reward - mean);
    total += mean / 4;
    for (std::size_t i = 0; i < 8; ++i) {
      const TokenIds& answer = (*groups)[g][i].ids;
      TokenIds ids(requests[g].prompt.begin(), requests[g].prompt.end());
      std::vector<std::size_t> positions;
      for (const std::int64_t id : answer) {
        positions.push_back(ids.size());
        ids.push_back(id);
      }
      const Predictions predicted = predictions(policy, Whose::kPolicy, {{ids}, {positions}});
      const at::Tensor logits = at::linear(predicted.hidden, policy.weights.lm_head) / 2.0;
      const at::Tensor own =
          at::log_softmax(logits, -1).gather(1, predicted.targets.unsqueeze(1)).mean();
      loss = loss - (rewards[i] - mean) / (std::sqrt(squares / 7) + 1e-4) * own / 32.0;
    }
  }
  EXPECT_NEAR(number(lines[0], "reward"), total, 1e-6);
  ASSERT_LT(number(lines[0], "groups_without_spread"), 1.0);
  loss.backward();
  const auto gradients = named_gradients(policy);
  EXPECT_NEAR(number(lines[0], "grad_norm") / gradient_norm(gradients), 1.0, 1e-3);
  AdamW optimizer(policy.parameters(), {});
  const Tensors start = [&] {
    Tensors copies;
    for (const NamedTensor& named : named_tensors(*policy.adapter))
      copies[named.name] = named.tensor.detach().clone();
    return copies;
  }();
  ASSERT_TRUE(optimizer.clip_gradients(1e9));
  ASSERT_TRUE(optimizer.update(1e-2));
  const Tensors got = read_tensors(folder + "/adapter/adapter_model.safetensors");
  double moved = 0;
  double off = 0;
  for (const NamedTensor& named : named_tensors(*policy.adapter)) {
    ASSERT_TRUE(got.contains(named.name)) << named.name;
    const at::Tensor want = named.tensor.detach();
    moved += (want - start.at(named.name)).square().sum().item<double>();
    off += (got.at(named.name) - want).square().sum().item<double>();
  }
  EXPECT_GT(moved, 0.0);
  EXPECT_LT(std::sqrt(off), 0.02 * std::sqrt(moved));
}

TEST(Grpo, AGroupWithoutSpreadChangesNothing) {
  const TempFolder temp;
  const auto folder =
      write_tiny_run(temp, "run", tiny_tasks(4, R"({"type": "exact", "answer": "never said"})"),
                     std::string(kGrpo) + "epochs = 3\nweight_decay = 0.5\n");
  train(folder);
  for (const json::object& line : lines_of(folder + "/progress.jsonl")) {
    EXPECT_EQ(number(line, "reward"), 0);
    EXPECT_EQ(number(line, "groups_without_spread"), 1);
    EXPECT_EQ(number(line, "loss"), 0);
    EXPECT_EQ(number(line, "grad_norm"), 0);
  }
  const Tensors trained = read_tensors(folder + "/adapter/adapter_model.safetensors");
  for (const NamedTensor& named : named_tensors(*first_policy(temp).adapter))
    EXPECT_TRUE(trained.at(named.name).equal(named.tensor.detach())) << named.name;
}

TEST(Grpo, ResumedItEndsWithTheSameBits) {
  for (const char* size : {"", "beta = 0.05\ndynamic_sampling = 2\n"}) {
    const TempFolder temp;
    const auto folder = write_tiny_run(
        temp, "run", tiny_tasks(8),
        std::string(kGrpo) + "epochs = 3\niterations = 2\ncheckpoint_every = 4\n" + size);
    train(folder);
    const std::string adapter = adapter_of(folder);
    const auto straight = lines_of(folder + "/progress.jsonl");
    ASSERT_EQ(straight.size(), 12U);
    ASSERT_TRUE(std::filesystem::exists(folder + "/checkpoints/step-8"));
    std::filesystem::remove(folder + "/result.json");
    std::filesystem::remove_all(folder + "/adapter");
    train(folder);
    EXPECT_EQ(adapter_of(folder), adapter);
    const auto resumed = lines_of(folder + "/progress.jsonl");
    ASSERT_EQ(resumed.size(), 12U);
    for (std::size_t i = 0; i < resumed.size(); ++i) {
      EXPECT_EQ(number(resumed[i], "reward"), number(straight[i], "reward")) << i;
      EXPECT_EQ(number(resumed[i], "loss"), number(straight[i], "loss")) << i;
    }
  }
}

TEST(Grpo, UsesABatchAgainWithinTheClip) {
  const TempFolder temp;
  const auto folder = write_tiny_run(
      temp, "run", tiny_tasks(8),
      std::string(kGrpo) + "epochs = 3\niterations = 2\nepsilon = 0.01\ncheckpoint_every = 50\n");
  train(folder);
  const auto lines = lines_of(folder + "/progress.jsonl");
  ASSERT_EQ(lines.size(), 12U);
  double clipped = 0;
  for (std::size_t i = 0; i < lines.size(); i += 2) {
    // On-policy nothing is clipped; the answers are the same in both updates.
    EXPECT_EQ(number(lines[i], "clip_low") + number(lines[i], "clip_high"), 0) << i;
    EXPECT_EQ(number(lines[i], "reward"), number(lines[i + 1], "reward")) << i;
    clipped += number(lines[i + 1], "clip_low") + number(lines[i + 1], "clip_high");
  }
  EXPECT_GT(clipped, 0);
}

TEST(Grpo, TellsHowFarItIsFromTheReference) {
  for (const std::string size : {"", "lora_r = 0\n"}) {
    const TempFolder temp;
    std::string fields = kGrpo;
    if (!size.empty()) {
      fields.replace(fields.find("lora_r = 4\nlora_alpha = 8\nlearning_rate = 1e-2"), 46,
                     "lora_r = 0\nlearning_rate = 3e-3");
    }
    const auto folder =
        write_tiny_run(temp, "run", tiny_tasks(8), fields + "epochs = 3\nbeta = 0.1\n");
    train(folder);
    const auto lines = lines_of(folder + "/progress.jsonl");
    EXPECT_NEAR(number(lines.front(), "kl"), 0.0, 1e-6);
    EXPECT_GT(number(lines.back(), "kl"), 1e-6);
  }
}

TEST(Grpo, DrawsOtherTasksForGroupsWithoutSpread) {
  const TempFolder temp;
  // Six tasks that nothing solves, and six with spread.
  std::string data = tiny_tasks(6);
  for (std::string line : {tiny_tasks(6, R"({"type": "exact", "answer": "never said"})")}) {
    for (std::size_t at = 0; (at = line.find("\"task", at)) != std::string::npos; at += 5)
      line.replace(at, 5, "\"hard");
    data += line;
  }
  const auto plain = write_tiny_run(temp, "plain", data, std::string(kGrpo) + "epochs = 1\n");
  const auto dynamic = write_tiny_run(temp, "dynamic", data,
                                      std::string(kGrpo) + "epochs = 1\ndynamic_sampling = 8\n");
  train(plain);
  train(dynamic);
  double plain_groups = 0;
  double dynamic_groups = 0;
  for (const auto& line : lines_of(plain + "/progress.jsonl")) {
    plain_groups += number(line, "groups");
  }
  for (const auto& line : lines_of(dynamic + "/progress.jsonl")) {
    dynamic_groups += number(line, "groups");
    EXPECT_GT(number(line, "grad_norm"), 0);
  }
  EXPECT_EQ(plain_groups, 12);
  EXPECT_GT(dynamic_groups, 12);
}

TEST(Grpo, CountsAnswersThatHitTheLimit) {
  const TempFolder temp;
  for (const std::string how : {"keep", "mask"}) {
    const auto folder = write_tiny_run(
        temp, how, tiny_tasks(8), std::string(kGrpo) + "epochs = 1\ntruncated = \"" + how + "\"\n");
    train(folder);
    for (const auto& line : lines_of(folder + "/progress.jsonl")) {
      EXPECT_GT(number(line, "truncated"), 0);
      EXPECT_LE(number(line, "truncated"), 1);
    }
  }
  EXPECT_NE(adapter_of(temp.path("keep")), adapter_of(temp.path("mask")));
  // The soft punishment takes from rewards what length is worth.
  const auto punished = write_tiny_run(temp, "punished", tiny_tasks(8),
                                       std::string(kGrpo) + "epochs = 1\noverlong_buffer = 6\n");
  train(punished);
  EXPECT_LT(number(lines_of(punished + "/progress.jsonl").front(), "reward"),
            number(lines_of(temp.path("keep") + "/progress.jsonl").front(), "reward"));
}

TEST(Grpo, NamesWhatIsWrong) {
  const TempFolder temp;
  const auto error = [&](const std::string& name, const std::string& data,
                         const std::string& more) {
    return error_of(write_tiny_run(temp, name, data, kGrpo + more));
  };
  EXPECT_NE(error("a", tiny_tasks(2, ""), "").find("'task0' has no field 'verifier'"),
            std::string::npos);
  EXPECT_NE(error("b", tiny_preferences(2), "").find("verifier"), std::string::npos);
  EXPECT_NE(error("c", tiny_tasks(2, R"({"type": "regexp"})"), "").find("line 1"),
            std::string::npos);
  EXPECT_NE(error("d", tiny_tasks(2), "iterations = 3\n").find("iterations"), std::string::npos);
  EXPECT_NE(error("e", tiny_tasks(2), "loss = \"ppo\"\n").find("\"dapo\", \"grpo\""),
            std::string::npos);
  EXPECT_NE(error("f", tiny_tasks(2), "overlong_buffer = 7\n").find("overlong_buffer"),
            std::string::npos);
  EXPECT_NE(error("g", tiny_tasks(2), "sft_weight = 0.1\n").find("sft_weight"), std::string::npos);
  const std::string answered =
      R"({"id": "x", "prompt": [{"role": "assistant", "content": "a"}], "verifier": )" +
      std::string(kEarlyLetters) + "}\n";
  EXPECT_NE(error("h", answered, "").find("the last message is the assistant's"),
            std::string::npos);
}

TEST(PolicySampler, SamplesTheSameFromTheSameSeedWhoeverElseIsThere) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const Policy policy = first_policy(temp);
  PolicySampler sampler(policy, Arithmetic::kFp32, 128);
  const SamplingOptions options{.temperature = 2.0, .max_new_tokens = 20, .end_tokens = {97}};
  const TokenIds first = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const TokenIds second = {5, 4, 3};
  // More answers than run at once, so that groups wait for each other.
  std::vector<SampleRequest> requests;
  for (std::uint64_t i = 0; i < 12; ++i)
    requests.push_back({i % 2 == 0 ? std::span(first) : std::span(second), 10, i});
  const auto together = sampler.sample(requests, options);
  ASSERT_TRUE(together) << together.error().message;
  ASSERT_EQ(together->size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    ASSERT_EQ((*together)[i].size(), 10U);
    for (const SampledAnswer& answer : (*together)[i]) {
      ASSERT_FALSE(answer.ids.empty());
      EXPECT_EQ(answer.truncated, answer.ids.size() == 20 && answer.ids.back() != 97);
    }
  }
  const auto again = sampler.sample(requests, options);
  ASSERT_TRUE(again);
  const auto alone = sampler.sample(std::span(requests).subspan(3, 1), options);
  ASSERT_TRUE(alone);
  EXPECT_NE((*together)[1][0].ids, (*together)[3][0].ids);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ((*again)[3][i].ids, (*together)[3][i].ids);
    EXPECT_EQ((*alone)[0][i].ids, (*together)[3][i].ids);
  }
}

TEST(PolicySampler, SaysThatThePolicyBrokeDown) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"), std::nanf(""));
  const auto folder = write_tiny_run(temp, "run", tiny_tasks(2), kGrpo);
  EXPECT_NE(error_of(folder).find("not finite"), std::string::npos);
}

}  // namespace
}  // namespace hone::engine
