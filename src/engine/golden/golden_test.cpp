// Every file of the shared golden folder: ids, texts, masks, logits, losses, gradients and whole
// trainings of the reference, through our tokenizer, templates, models and trainer.
#include <gtest/gtest.h>

#include "engine/golden/golden_test_support.h"

namespace hone::engine::golden {
namespace {

// A deviation that is not divided by 1 + |expected| as well.
struct Limit {
  const char* measure;
  double absolute;
};

struct Row {
  const char* name;
  GroupReport (*check)(const Place&);
  std::int64_t cases;
  std::vector<Limit> limits{};
};

class Golden : public ::testing::TestWithParam<Row> {};

TEST_P(Golden, GivesTheReferencesNumbers) {
  const auto folder = shared_file("golden");
  if (!folder) GTEST_SKIP();
  const GroupReport report = GetParam().check({.folder = *folder, .gguf = "", .threads = 2});
  expect_all_pass(report, GetParam().cases);
  EXPECT_FALSE(report.measures.empty());
  for (const Limit& limit : GetParam().limits) {
    const Measure* measure = report.find(limit.measure);
    ASSERT_NE(measure, nullptr) << limit.measure;
    EXPECT_LE(measure->worst_absolute, limit.absolute) << limit.measure;
  }
}

// Tokenizers: 320 rows of three tokenizer.json, of Llama 2's other layout, and of two GGUF files.
INSTANTIATE_TEST_SUITE_P(
    Groups, Golden,
    ::testing::Values(Row{"tokenizer", check_tokenizers, 320 * 6},
                      Row{"rendered", check_rendered, 180}, Row{"sft", check_sft, 20},
                      Row{"model", check_models, 4}, Row{"lora", check_adapters, 10},
                      Row{"loss", check_losses, 34, {{"metrics", 1e-4}}},
                      Row{"trajectory",
                          check_trajectories,
                          3,
                          {{"loss", 1e-4}, {"gradient norm", 1e-3}, {"lr", 1e-9}}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GoldenSmolLM2, AnswersAndScoresInABatchAsTheReferenceDoes) {
  const auto folder = shared_file("golden");
  const auto gguf = base_gguf();
  if (!folder || !gguf) GTEST_SKIP();
  const GroupReport report = check_smollm2({.folder = *folder, .gguf = *gguf, .threads = 2});
  expect_all_pass(report, 1 + 8 + 8);  // the file, tensors, prompts
}

TEST(GoldenSmolLM2, FindsChangedNumbers) {
  const OwnFolder own;
  const auto gguf = base_gguf();
  if (!gguf || !own.take("smollm2/smollm2.json")) GTEST_SKIP();
  json::object document = own.read("smollm2/smollm2.json");
  json::object& norm = document["tensors"].as_object()["output_norm.weight"].as_object();
  norm["sha256_gguf_order_f32le"] = std::string(64, '0');
  document["tensors"] = json::object{{"output_norm.weight", norm}};
  json::array prompts{document["prompts"].as_array()[0], document["prompts"].as_array()[3]};
  json::value& logit = prompts[0].as_object()["top10_logits"].as_array()[0];
  logit = logit.to_number<double>() + 0.01;
  json::value& greedy = prompts[1].as_object()["greedy_ids"].as_array()[1];
  greedy = greedy.as_int64() + 1;
  document["prompts"] = std::move(prompts);
  own.write("smollm2/smollm2.json", json::serialize(document));
  Place place = own.place();
  place.gguf = *gguf;
  const GroupReport report = check_smollm2(place);
  EXPECT_EQ(report.cases, 4);
  EXPECT_EQ(report.failed, 3);
  EXPECT_TRUE(finds(report, "output_norm.weight", "sha256_gguf_order_f32le"));
  EXPECT_TRUE(finds(report, "prompt 0", "logit of"));
  EXPECT_TRUE(finds(report, "prompt 1", "greedy_ids"));
}

TEST(GoldenSmolLM2, NeedsTheFileThatItIsAbout) {
  const OwnFolder own;
  EXPECT_NE(check_smollm2(own.place()).not_run.find("absent"), std::string::npos);
  own.write("smollm2/smollm2.json", "{");
  const GroupReport without = check_smollm2(own.place());
  EXPECT_EQ(without.cases, 0);
  EXPECT_NE(without.not_run.find("--gguf"), std::string::npos);
  Place place = own.place();
  place.gguf = own.path("none.gguf");
  expect_one_fails(check_smollm2(place), 1, "GGUF file", "smollm2.json");
  own.write("smollm2/smollm2.json", R"({"gguf_sha256": "", "tensors": {}, "prompts": []})");
  const GroupReport missing = check_smollm2(place);
  EXPECT_EQ(missing.failed, 2);
  EXPECT_TRUE(finds(missing, "GGUF file", "none.gguf"));
  EXPECT_TRUE(finds(missing, "model", "none.gguf"));
}

}  // namespace
}  // namespace hone::engine::golden
