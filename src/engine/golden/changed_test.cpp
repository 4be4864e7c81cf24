// Numbers of models, losses and trainings, one of them changed; files cut short; names, methods and
// fields that nobody knows.
#include <gtest/gtest.h>

#include "engine/golden/golden_test_support.h"

namespace hone::engine::golden {
namespace {

TEST(GoldenChanged, AModelsLogitIsFound) {
  const OwnFolder own;
  if (!own.take("model/mha_tied")) GTEST_SKIP();
  std::filesystem::rename(own.path("model/mha_tied"), own.path("model/some_name"));
  expect_all_pass(check_models(own.place()), 1);
  own.change("model/some_name/expected.safetensors", "logits_b", 7, 0.001F);
  const GroupReport report = check_models(own.place());
  expect_one_fails(report, 1, "some_name", "logits_b: ");
  EXPECT_TRUE(finds(report, "some_name", "logits_b of the server: "));
  EXPECT_TRUE(finds(report, "some_name", "packed logits: "));
  EXPECT_TRUE(finds(report, "some_name", "at [0, 7]"));
  EXPECT_FALSE(finds(report, "some_name", "gradient"));
}

TEST(GoldenChanged, AModelsGradientIsFound) {
  const OwnFolder own;
  if (!own.take("model/mha_tied")) GTEST_SKIP();
  own.change("model/mha_tied/grads.safetensors", "model.norm.weight", 3, 0.1F);
  const GroupReport report = check_models(own.place());
  expect_one_fails(report, 1, "mha_tied", "gradient of model.norm.weight");
  EXPECT_EQ(report.findings.size(), 1U);
  EXPECT_GT(report.find("gradients")->worst, 1e-4);
  EXPECT_LE(report.find("logits")->worst, 2e-5);
}

TEST(GoldenChanged, AnAdaptersLossIsFound) {
  const OwnFolder own;
  if (!own.take("model/mha_tied")) GTEST_SKIP();
  std::filesystem::rename(own.path("model/mha_tied/lora_qv"), own.path("model/mha_tied/other"));
  expect_all_pass(check_adapters(own.place()), 3);
  own.change("model/mha_tied/other/expected.safetensors", "mean_ce_loss", 0, 0.001F);
  expect_one_fails(check_adapters(own.place()), 3, "mha_tied/other", "mean_ce_loss");
  own.change("model/mha_tied/other/expected.safetensors", "mean_ce_loss", 0, -0.001F);
  own.change("model/mha_tied/other/expected.safetensors", "logits_a", 0, 0.001F);
  const GroupReport report = check_adapters(own.place());
  expect_one_fails(report, 3, "mha_tied/other", "logits_a of the merged model");
  EXPECT_TRUE(finds(report, "mha_tied/other", "logits_a of the server"));
}

TEST(GoldenChanged, AFileThatIsCutShortFailsItsCaseAlone) {
  const OwnFolder own;
  if (!own.take("model/mha_tied") || !own.take("model/gqa_bf16")) GTEST_SKIP();
  const std::string weights = read_all(own.path("model/mha_tied/model.safetensors"));
  own.write("model/mha_tied/model.safetensors", weights.substr(0, weights.size() - 4));
  expect_one_fails(check_models(own.place()), 2, "mha_tied", "model.safetensors");
  own.write("model/mha_tied/model.safetensors", weights);
  own.write("model/mha_tied/expected.safetensors", "short");
  expect_one_fails(check_models(own.place()), 2, "mha_tied", "expected.safetensors");
  std::filesystem::remove(own.path("model/mha_tied/expected.safetensors"));
  expect_one_fails(check_models(own.place()), 2, "mha_tied", "expected.safetensors");
  own.write("model/mha_tied/config.json", "{");
  expect_one_fails(check_models(own.place()), 2, "mha_tied", "config.json");
  // The adapters of a broken model cannot be checked either.
  EXPECT_EQ(check_adapters(own.place()).failed, 3);
}

class GoldenLosses : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"policy", "reference", "cases.json", "dpo_sigmoid.safetensors",
                             "dpo_sigmoid.grads.safetensors"}) {
      if (!own_.take(std::string("loss/") + name)) GTEST_SKIP();
    }
    entry_ = own_.read("loss/cases.json").at("dpo_sigmoid").as_object();
  }
  void write_cases(const json::object& cases) const {
    own_.write("loss/cases.json", json::serialize(cases));
  }
  // One case beside a good one.
  [[nodiscard]] GroupReport beside(const std::string& name, const json::object& entry) const {
    for (const char* ending : {".safetensors", ".grads.safetensors"}) {
      const std::string from = own_.path("loss/dpo_sigmoid") + ending;
      std::filesystem::copy_file(from, own_.path("loss/" + name) + ending,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    write_cases({{"dpo_sigmoid", entry_}, {name, entry}});
    return check_losses(own_.place());
  }

  OwnFolder own_;
  json::object entry_;
};

TEST_F(GoldenLosses, OfAnyNumberOfCasesAreChecked) {
  expect_all_pass(beside("dpo_again", entry_), 2);
  write_cases({});
  const GroupReport none = check_losses(own_.place());
  EXPECT_EQ(none.cases, 0);
  EXPECT_NE(none.not_run.find("absent"), std::string::npos);
}

TEST_F(GoldenLosses, NameWhatIsOff) {
  const auto changed = [&](const std::string& name, double by) {
    json::object entry = entry_;
    json::value& value = entry.contains(name) ? entry[name] : entry["metrics"].as_object()[name];
    value = value.to_number<double>() + by;
    return beside("dpo_changed", entry);
  };
  expect_one_fails(changed("loss", 0.001), 2, "dpo_changed", "loss: ");
  expect_one_fails(changed("grad_norm", 0.01), 2, "dpo_changed", "grad_norm: ");
  expect_one_fails(changed("rewards/margins", 0.001), 2, "dpo_changed", "rewards/margins: ");
  json::object unknown = entry_;
  unknown["metrics"].as_object()["novelty"] = 1.0;
  expect_one_fails(beside("dpo_changed", unknown), 2, "dpo_changed", "'novelty'");
  json::object scaled = entry_;
  scaled["grads_of"] = "dpo_sigmoid";
  scaled["grads_scale"] = 1.01;
  expect_one_fails(beside("dpo_changed", scaled), 2, "dpo_changed", "gradient of ");
}

TEST_F(GoldenLosses, NameTheTensorThatIsOff) {
  expect_all_pass(beside("dpo_changed", entry_), 2);
  own_.change("loss/dpo_changed.safetensors", "out.ref_logps", 2, 0.01F);
  expect_one_fails(check_losses(own_.place()), 2, "dpo_changed", "out.ref_logps: ");
  own_.change("loss/dpo_changed.safetensors", "out.ref_logps", 2, -0.01F);
  own_.change("loss/dpo_changed.grads.safetensors", "lm_head.weight", 5, 0.1F);
  expect_one_fails(check_losses(own_.place()), 2, "dpo_changed", "gradient of lm_head.weight");
}

TEST_F(GoldenLosses, NameMethodsAndFieldsThatAreNotKnown) {
  expect_one_fails(beside("ppo_clip", entry_), 2, "ppo_clip", "'ppo'");
  json::object config = entry_;
  config["config"].as_object()["novelty"] = 1;
  expect_one_fails(beside("dpo_other", config), 2, "dpo_other", "'novelty'");
  json::object field = entry_;
  field["novelty"] = 1;
  expect_one_fails(beside("dpo_other", field), 2, "dpo_other", "'novelty'");
  write_cases({{"dpo_sigmoid", entry_}, {"dpo_missing", entry_}, {"dpo_text", "text"}});
  const GroupReport report = check_losses(own_.place());
  EXPECT_EQ(report.cases, 3);
  EXPECT_EQ(report.failed, 2);
  EXPECT_TRUE(finds(report, "dpo_missing", "dpo_missing.safetensors"));
  EXPECT_TRUE(finds(report, "dpo_text", "dpo_text"));
  own_.write("loss/cases.json", "{\"dpo\": ");
  expect_one_fails(check_losses(own_.place()), 1, "cases.json", "cases.json");
}

class GoldenTrajectory : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"loss/policy", "trajectory/batches.safetensors", "trajectory/sft_lora.json",
          "trajectory/sft_lora.init.safetensors", "trajectory/sft_lora.final.safetensors"}) {
      if (!own_.take(name)) GTEST_SKIP();
    }
  }
  OwnFolder own_;
};

TEST_F(GoldenTrajectory, NamesTheStepThatIsOff) {
  expect_all_pass(check_trajectories(own_.place()), 1);
  json::object document = own_.read("trajectory/sft_lora.json");
  json::object& step = document["log"].as_array()[3].as_object();
  step["loss"] = step["loss"].to_number<double>() + 0.01;
  own_.write("trajectory/sft_lora.json", json::serialize(document));
  const GroupReport report = check_trajectories(own_.place());
  expect_one_fails(report, 1, "sft_lora", "step 3: loss: ");
  EXPECT_EQ(report.findings.size(), 1U);
}

TEST_F(GoldenTrajectory, NamesTheWeightThatIsOff) {
  const std::string weight = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
  own_.change("trajectory/sft_lora.final.safetensors", weight, 0, 0.1F);
  const GroupReport report = check_trajectories(own_.place());
  expect_one_fails(report, 1, "sft_lora", "final " + weight);
  EXPECT_EQ(report.findings.size(), 1U);
}

TEST_F(GoldenTrajectory, SaysWhatItCannotRun) {
  own_.write("trajectory/kto_lora.json", read_all(own_.path("trajectory/sft_lora.json")));
  expect_one_fails(check_trajectories(own_.place()), 2, "kto_lora", "'kto'");
  std::filesystem::remove(own_.path("trajectory/kto_lora.json"));
  json::object document = own_.read("trajectory/sft_lora.json");
  document["novelty"] = 1;
  own_.write("trajectory/sft_lora.json", json::serialize(document));
  expect_one_fails(check_trajectories(own_.place()), 1, "sft_lora", "'novelty'");
  std::filesystem::remove(own_.path("trajectory/sft_lora.json"));
  expect_one_fails(check_trajectories(own_.place()), 1, "sft_lora", "sft_lora.json");
}

}  // namespace
}  // namespace hone::engine::golden
