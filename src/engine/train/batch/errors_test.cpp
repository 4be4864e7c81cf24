// A mistake in config or tensors is an error that names it, never a crash and never a wrong number.
#include <gtest/gtest.h>

#include "engine/model/safetensors.h"
#include "engine/train/batch/batch_test_support.h"

namespace hone::engine {
namespace {

const Rows kRows = {{5, 9, 17, 33, 97}, {6, 7, 8, 97}};

class BatchErrors : public ::testing::Test {
 protected:
  void expect_error(const std::string& method, const json::object& config,
                    const BatchTensors& batch, const std::string& word) {
    const auto result = loss_of_batch(policy_, method, config, batch);
    ASSERT_FALSE(result) << word;
    EXPECT_NE(result.error().message.find(word), std::string::npos) << result.error().message;
  }

  TempFolder temp_;
  Policy policy_ = tiny_policy(temp_);
};

TEST_F(BatchErrors, NameTheMethod) {
  expect_error("ppo", {}, sft_batch(kRows, 2), "'ppo' is not one of sft, dpo");
}

TEST_F(BatchErrors, NameTheConfigField) {
  const BatchTensors sft = sft_batch(kRows, 2);
  const BatchTensors dpo = answer_batch(kRows, 2);
  expect_error("sft", {{"loss_typ", "dft"}}, sft, "unknown field 'loss_typ'; did you mean");
  expect_error("sft", {{"beta", 0.1}}, sft, "unknown field 'beta'");
  expect_error("sft", {{"loss_type", "ce"}}, sft, "'loss_type' must be one of \"nll\", \"dft\"");
  expect_error("sft", {{"num_items_in_batch", "many"}}, sft, "num_items_in_batch");
  expect_error("dpo", {{"beta", -1.0}}, dpo, "'beta' must be from");
  expect_error("dpo", {{"label_smoothing", 0.5}}, dpo, "label_smoothing");
  expect_error("dpo",
               {{"loss_type", json::array{"sigmoid", "sft"}}, {"loss_weights", json::array{1.0}}},
               dpo, "'loss_weights' must be a list of 2");
  expect_error("dpo", {{"loss_type", json::array()}}, dpo, "'loss_type' is empty");
  expect_error("grpo", {{"loss_type", "dr_grpo"}}, {}, "max_completion_length");
  // What only describes a golden case passes.
  EXPECT_TRUE(loss_of_batch(policy_, "sft", {{"note", "x"}, {"reduction", "y"}}, sft));
}

TEST_F(BatchErrors, NameTheTensor) {
  BatchTensors batch = sft_batch(kRows, 2);
  batch.erase("attention_mask");
  expect_error("sft", {}, batch, "'in.attention_mask' is missing");
  batch = sft_batch(kRows, 2);
  batch["labels"] = at::zeros({2, 4}, at::TensorOptions(at::kLong));
  expect_error("sft", {}, batch, "'in.labels' has shape [2, 4] and should have [2, 5]");
  batch = sft_batch(kRows, 2);
  batch["input_ids"] = at::zeros({2, 5});
  expect_error("sft", {}, batch, "'in.input_ids' must hold whole numbers");
  batch["input_ids"] = at::zeros({5}, at::TensorOptions(at::kLong));
  expect_error("sft", {}, batch, "'in.input_ids' must be [rows, columns]");
  batch = sft_batch(kRows, 2);
  batch["margin"] = at::zeros({1});
  expect_error("sft", {}, batch, "'in.margin' is not one that method 'sft' reads");
}

TEST_F(BatchErrors, NameTheRow) {
  BatchTensors batch = sft_batch(kRows, 2);
  batch.at("input_ids")[1][0] = 98;
  expect_error("sft", {}, batch, "row 2 of the batch holds 98");
  batch = sft_batch(kRows, 2);
  batch.at("attention_mask")[0][1] = 0;
  expect_error("sft", {}, batch, "row 1 of the batch has padding between its tokens");
  batch = sft_batch(kRows, 2);
  batch.at("attention_mask")[1].fill_(0);
  expect_error("sft", {}, batch, "row 2 of the batch has no token");
  batch = answer_batch(kRows, 2);
  batch.at("completion_mask")[1][4] = 1;
  expect_error("dpo", {}, batch, "row 2 counts a token that is padding");
  batch = sft_batch(kRows, 2);
  batch.at("labels")[0][3] = 34;
  expect_error("sft", {}, batch, "'in.labels' holds labels that are neither");
}

TEST_F(BatchErrors, SayWhatPairsAndPackedRowsNeed) {
  expect_error("dpo", {}, answer_batch({{5, 6, 7}, {5, 6, 8}, {5, 6, 9}}, 2), "as many rejected");
  expect_error("reward", {},
               {{"input_ids", padded(kRows, 0)}, {"attention_mask", mask_from(kRows, 0)}},
               "'in.score.weight' is missing");
  BatchTensors packed = {{"input_ids", padded({{5, 6, 7, 8}}, 0)},
                         {"labels", padded({{5, 6, 7, 8}}, 0)},
                         {"position_ids", padded({{0, 1, 0, 2}}, 0)}};
  expect_error("sft", {}, packed, "'in.position_ids' must count from 0");
  packed["position_ids"] = padded({{0, 1, 0, 1}}, 0);
  packed["cu_seq_lens"] = at::tensor({0, 3, 4});
  expect_error("sft", {}, packed, "'in.cu_seq_lens' does not agree");
  packed["cu_seq_lens"] = at::tensor({0, 2, 4});
  EXPECT_TRUE(loss_of_batch(policy_, "sft", {}, packed));
}

TEST_F(BatchErrors, SayThatAReferenceIsMissing) {
  policy_.frozen.reset();
  expect_error("dpo", {}, answer_batch(kRows, 2), "nothing to compare with");
  expect_error("kto", {}, answer_batch(kRows, 2), "nothing to compare with");
}

TEST(ReadBatch, LeavesResultsUnread) {
  const TempFolder temp;
  const std::string path = temp.path("batch.safetensors");
  const std::string flags("\x00\x02", 2);
  const std::string number(4, '\0');
  const auto written = write_safetensors(path,
                                         {{"in.label", DType::kBool, {2}, flags},
                                          {"out.loss", DType::kF32, {1}, number},
                                          {"out.score.weight", DType::kF32, {1, 1}, number}},
                                         {});
  ASSERT_TRUE(written) << written.error().message;
  const auto batch = read_batch(path);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->size(), 2U);
  EXPECT_TRUE(batch->contains("score.weight"));
  EXPECT_TRUE(batch->at("label").ne(0).equal(at::tensor({0, 1}).ne(0)));
  ASSERT_TRUE(write_safetensors(path, {{"labels", DType::kF32, {1}, number}}, {}));
  const auto stray = read_batch(path);
  ASSERT_FALSE(stray);
  EXPECT_NE(stray.error().message.find("'labels' is neither"), std::string::npos)
      << stray.error().message;
}

}  // namespace
}  // namespace hone::engine
