// Losses against TRL's in ways of their own. All cases of the golden file are run as they stand,
// with metrics and the gradient of every weight, in golden/golden_test.cpp.
#include "engine/train/batch/loss_of_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/model/golden_test_support.h"
#include "engine/train/batch/loss_report.h"
#include "engine/train/loss/grpo.h"

namespace hone::engine {
namespace {

std::string golden(const std::string& name) {
  return shared_file("golden/loss/" + name).value_or("");
}

std::string method_of(const std::string& name) {
  return name.substr(0, name.find('_'));
}

Policy load_models() {
  auto weights = load_llama(golden("policy"), at::kFloat);
  auto reference = load_llama(golden("reference"), at::kFloat);
  if (!weights || !reference) ADD_FAILURE() << "the golden models cannot be read";
  Policy policy = make_policy(std::move(*weights), std::nullopt, at::kFloat, false);
  policy.frozen = std::move(*reference);
  return policy;
}

void expect_metrics(const json::object& got, const json::object& want) {
  for (const auto& [key, value] : want) {
    const json::value* ours = got.if_contains(key);
    ASSERT_NE(ours, nullptr) << key;
    EXPECT_NEAR(ours->to_number<double>(), value.to_number<double>(), 1e-4) << key;
  }
}

void expect_gradients(const std::vector<NamedTensor>& got, const Tensors& want) {
  EXPECT_EQ(got.size(), want.size());
  for (const NamedTensor& gradient : got) {
    ASSERT_TRUE(want.contains(gradient.name)) << gradient.name;
    expect_same_direction(gradient.tensor, want.at(gradient.name), 1e-4, gradient.name);
  }
}

TEST(LossOfBatch, AdvantagesFromRewardsAreGolden) {
  if (golden("cases.json").empty()) GTEST_SKIP();
  const json::object cases = *parse_json_object(read_all(golden("cases.json")));
  const Policy policy = load_models();
  int seen = 0;
  for (const auto& [key, value] : cases) {
    const std::string name(key);
    if (method_of(name) != "grpo") continue;
    SCOPED_TRACE(name);
    ++seen;
    json::object config = value.as_object().at("config").as_object();
    Tensors results = read_tensors(golden(name + ".safetensors"));
    auto batch = read_batch(golden(name + ".safetensors"));
    ASSERT_TRUE(batch) << batch.error().message;
    const json::value* given = config.if_contains("scale_rewards");
    const std::string scale = given == nullptr ? "group" : std::string(given->as_string());
    const RewardScale by = scale == "none"    ? RewardScale::kNone
                           : scale == "batch" ? RewardScale::kBatch
                                              : RewardScale::kGroup;
    expect_near(group_advantages(results.at("out.rewards"), 4, by), batch->at("advantages"), 1e-5,
                "advantages");
    // The same batch with rewards in their place.
    batch->erase("advantages");
    batch->emplace("rewards", results.at("out.rewards"));
    config["num_generations"] = 4;
    const auto result = loss_of_batch(policy, "grpo", config, *batch);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_NEAR(result->loss.item<double>(), value.as_object().at("loss").to_number<double>(),
                4e-5);
  }
  EXPECT_EQ(seen, 11);
}

TEST(LossReport, WritesGoldenNumbersAndGradients) {
  if (golden("cases.json").empty()) GTEST_SKIP();
  const TempFolder temp;
  const json::object cases = *parse_json_object(read_all(golden("cases.json")));
  for (const std::string name : {"dpo_sigmoid", "reward_margin", "orpo"}) {
    SCOPED_TRACE(name);
    const json::object& entry = cases.at(name).as_object();
    write_all(temp.path("config.json"), json::serialize(entry.at("config")));
    LossOptions options{.method = method_of(name),
                        .config = temp.path("config.json"),
                        .policy = golden("policy"),
                        .reference = golden("reference"),
                        .batch = golden(name + ".safetensors"),
                        .grads = temp.path(name + ".safetensors")};
    const auto from_file = loss_report(options);
    ASSERT_TRUE(from_file) << from_file.error().message;
    options.config = json::serialize(entry.at("config"));
    const auto from_text = loss_report(options);
    ASSERT_TRUE(from_text) << from_text.error().message;
    EXPECT_EQ(json::serialize(*from_text), json::serialize(*from_file));
    EXPECT_NEAR(from_text->at("loss").as_double(), entry.at("loss").to_number<double>(), 1e-4);
    EXPECT_NEAR(from_text->at("grad_norm").as_double(), entry.at("grad_norm").to_number<double>(),
                2e-3);
    expect_metrics(from_text->at("metrics").as_object(), entry.at("metrics").as_object());
    std::vector<NamedTensor> written;
    for (const auto& [key, tensor] : read_tensors(options.grads)) written.push_back({key, tensor});
    expect_gradients(written, read_tensors(golden(name + ".grads.safetensors")));
  }
}

// With an adapter the reference is the policy without it, and the gradients are the adapter's own.
TEST(LossReport, AnAdapterIsComparedWithItsBase) {
  if (golden("policy").empty()) GTEST_SKIP();
  const TempFolder temp;
  const auto config = read_config(golden("policy"));
  LoraAdapter adapter = make_lora(*config, {.r = 2, .alpha = 4}, Random(5));
  ASSERT_TRUE(save_lora(adapter, temp.path(), "policy"));
  const LossOptions options{.method = "dpo",
                            .policy = golden("policy"),
                            .adapter = temp.path(),
                            .batch = golden("dpo_sigmoid.safetensors"),
                            .grads = temp.path("grads.safetensors")};
  const auto report = loss_report(options);
  ASSERT_TRUE(report) << report.error().message;
  // B is zero, so that the policy is the reference still.
  EXPECT_NEAR(report->at("loss").as_double(), std::log(2.0), 1e-6);
  const Tensors gradients = read_tensors(options.grads);
  EXPECT_EQ(gradients.size(), named_tensors(adapter).size());
  for (const NamedTensor& matrix : named_tensors(adapter)) {
    ASSERT_TRUE(gradients.contains(matrix.name)) << matrix.name;
    const bool moves = gradients.at(matrix.name).ne(0.0).any().item<bool>();
    EXPECT_EQ(moves, matrix.name.find("lora_B") != std::string::npos) << matrix.name;
  }
}

}  // namespace
}  // namespace hone::engine
