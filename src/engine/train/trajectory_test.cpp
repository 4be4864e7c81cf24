// Whole trainings, step by step, against torch's AdamW and transformers' cosine schedule.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/model/golden_test_support.h"
#include "engine/train/loss/dpo.h"
#include "engine/train/loss/sequences.h"
#include "engine/train/loss/sft.h"
#include "engine/train/optimizer.h"
#include "engine/train/policy.h"

namespace hone::engine {
namespace {

struct Trajectory {
  json::object document;
  Tensors batches;
  Tensors last;
  std::string tag;
};

std::optional<Trajectory> read_trajectory(const std::string& tag) {
  const auto folder = shared_file("golden/trajectory");
  if (!folder) return std::nullopt;
  return Trajectory{*parse_json_object(read_all(*folder + "/" + tag + ".json")),
                    read_tensors(*folder + "/batches.safetensors"),
                    read_tensors(*folder + "/" + tag + ".final.safetensors"), tag};
}

Policy start_policy(const std::string& tag, bool adapted) {
  auto weights = load_llama(*shared_file("golden/loss/policy"), at::kFloat);
  std::optional<LoraAdapter> adapter;
  if (adapted) {
    adapter = make_lora(weights->config, LoraConfig{.r = 4, .alpha = 8}, Random(1));
    Tensors init = read_tensors(*shared_file("golden/trajectory/" + tag + ".init.safetensors"));
    for (const auto& [name, tensor] : named_tensors(*adapter)) tensor.copy_(init.at(name));
  }
  return make_policy(std::move(*weights), std::move(adapter), at::kFloat, false);
}

std::vector<Sequence> sequences_of(const Tensors& batches, const std::string& prefix) {
  const at::Tensor& ids = batches.at(prefix + "input_ids");
  const at::Tensor& trained = batches.at(prefix + "train_mask");
  std::vector<Sequence> sequences;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const at::Tensor where = trained[row].nonzero();
    const auto end = where.max().item<std::int64_t>() + 1;
    const at::Tensor flat = ids[row].narrow(0, 0, end).contiguous();
    sequences.push_back(
        {{flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + end},
         static_cast<std::size_t>(where.min().item<std::int64_t>())});
  }
  return sequences;
}

at::Tensor sft(const Policy& policy, const std::vector<const Sequence*>& sequences) {
  const TrainedTokens tokens = answer_logprobs(policy, Whose::kPolicy, sequences);
  return sft_loss(tokens.logprobs, at::ones_like(tokens.logprobs).detach(),
                  static_cast<double>(tokens.logprobs.size(0)), {});
}

at::Tensor dpo(const Policy& policy, const std::vector<const Sequence*>& sequences) {
  const auto sums = [&](Whose whose) {
    const TrainedTokens tokens = answer_logprobs(policy, whose, sequences);
    return sums_by_sequence(tokens.logprobs, tokens.sequence,
                            static_cast<std::int64_t>(sequences.size()))
        .chunk(2);
  };
  const auto now = sums(Whose::kPolicy);
  const auto reference = sums(Whose::kReference);
  const at::Tensor one = at::ones({1});
  return dpo_losses({now[0], now[1], reference[0], reference[1], one, one}, {.beta = 0.1}).mean();
}

template <typename Loss>
void expect_trajectory(const Trajectory& want, Policy policy, const std::string& data, Loss loss) {
  const json::object& d = want.document;
  const auto number = [&d](const char* name) { return d.at(name).to_number<double>(); };
  AdamW optimizer(policy.parameters(), {.beta2 = 0.95, .weight_decay = number("weight_decay")});
  for (const json::value& entry : d.at("log").as_array()) {
    const json::object& line = entry.as_object();
    const auto step = line.at("step").to_number<std::int64_t>();
    const std::string what = want.tag + " step " + std::to_string(step);
    const auto sequences = sequences_of(want.batches, data + "." + std::to_string(step % 5) + ".");
    std::vector<const Sequence*> pointers;
    for (const Sequence& sequence : sequences) pointers.push_back(&sequence);
    const at::Tensor value = loss(policy, pointers);
    EXPECT_NEAR(value.template item<double>(), line.at("loss").to_number<double>(), 1e-4) << what;
    value.backward();
    EXPECT_NEAR(optimizer.clip_gradients(number("clip")), line.at("grad_norm").to_number<double>(),
                1e-3)
        << what;
    const double rate = learning_rate(Schedule::kCosine, number("peak_lr"), step,
                                      d.at("warmup").to_number<std::int64_t>(),
                                      d.at("steps").to_number<std::int64_t>());
    EXPECT_NEAR(rate, line.at("lr").to_number<double>(), 1e-9) << what;
    optimizer.update(rate);
  }
  const auto ours = policy.adapter ? named_tensors(*policy.adapter) : named_tensors(policy.weights);
  for (const auto& [name, tensor] : ours) {
    const auto found = want.last.find(name);
    // PEFT nests the prefix once more in the files of a run.
    const std::string nested = "base_model.model." + name;
    const at::Tensor& expected = found != want.last.end() ? found->second : want.last.at(nested);
    expect_same_direction(tensor.detach(), expected, 1e-3, want.tag + " " + name);
  }
}

TEST(Trajectory, FullSftMatchesGolden) {
  const auto want = read_trajectory("sft_full");
  if (!want) GTEST_SKIP();
  expect_trajectory(*want, start_policy("sft_full", false), "sft", sft);
}

TEST(Trajectory, LoraSftMatchesGolden) {
  const auto want = read_trajectory("sft_lora");
  if (!want) GTEST_SKIP();
  expect_trajectory(*want, start_policy("sft_lora", true), "sft", sft);
}

TEST(Trajectory, LoraDpoMatchesGolden) {
  const auto want = read_trajectory("dpo_lora");
  if (!want) GTEST_SKIP();
  expect_trajectory(*want, start_policy("dpo_lora", true), "dpo", dpo);
}

TEST(Schedule, RisesThenFalls) {
  EXPECT_EQ(learning_rate(Schedule::kCosine, 1.0, 0, 4, 20), 0.0);
  EXPECT_EQ(learning_rate(Schedule::kCosine, 1.0, 4, 4, 20), 1.0);
  EXPECT_NEAR(learning_rate(Schedule::kCosine, 1.0, 12, 4, 20), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(Schedule::kLinear, 1.0, 12, 4, 20), 0.5, 1e-12);
  EXPECT_EQ(learning_rate(Schedule::kConstant, 1.0, 19, 4, 20), 1.0);
  EXPECT_EQ(learning_rate(Schedule::kConstant, 1.0, 0, 0, 1), 1.0);
}

}  // namespace
}  // namespace hone::engine
