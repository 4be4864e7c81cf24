// What other trainers got wrong once (../shared/reference/training.md lists it), each as a test.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/train/batch/batch_test_support.h"

namespace hone::engine {
namespace {

constexpr double kSame = 1e-5;

const Rows kRagged = {{5, 9, 17, 33, 97}, {6, 7, 8, 97}, {4, 11, 12, 13, 14, 15, 16, 97}};

TEST(Pitfall, LossIsDividedByTheTokensOfTheWholeAccumulation) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const double whole = value_of(policy, "sft", {}, sft_batch(kRagged, 2));
  double parts = 0;
  double mean_of_means = 0;
  for (const auto& row : kRagged) {
    const BatchTensors one = sft_batch({row}, 2);
    parts += value_of(policy, "sft", {{"num_items_in_batch", 3 + 2 + 6}}, one);
    mean_of_means += value_of(policy, "sft", {}, one) / 3.0;
  }
  EXPECT_NEAR(parts, whole, kSame);
  EXPECT_GT(std::abs(mean_of_means - whole), 10 * kSame);
}

TEST(Pitfall, TheEndTokenIsTrainedThoughItPadsToo) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const double padded_with_end = value_of(policy, "sft", {}, sft_batch(kRagged, 2, 97));
  EXPECT_NEAR(padded_with_end, value_of(policy, "sft", {}, sft_batch(kRagged, 2, 0)), kSame);
  BatchTensors without_end = sft_batch(kRagged, 2, 97);
  at::Tensor& labels = without_end.at("labels");
  labels = labels.masked_fill(labels.eq(97), -100);
  EXPECT_GT(std::abs(padded_with_end - value_of(policy, "sft", {}, without_end)), 10 * kSame);
}

TEST(Pitfall, AnAssistantMaskOfZerosIsAnError) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  BatchTensors batch = sft_batch(kRagged, 2);
  batch.at("labels").fill_(-100);
  const auto sft = loss_of_batch(policy, "sft", {}, batch);
  ASSERT_FALSE(sft);
  EXPECT_NE(sft.error().message.find("no token"), std::string::npos) << sft.error().message;
  BatchTensors pairs = answer_batch({{5, 6, 7}, {5, 6, 8}}, 2);
  pairs.at("completion_mask")[1].fill_(0);  // one answer that would silently count for nothing
  const auto dpo = loss_of_batch(policy, "dpo", {}, pairs);
  ASSERT_FALSE(dpo);
  EXPECT_NE(dpo.error().message.find("row 2"), std::string::npos) << dpo.error().message;
}

BatchTensors packed_batch(const Rows& documents, std::size_t first) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> labels;
  for (const auto& document : documents) {
    for (std::size_t i = 0; i < document.size(); ++i) {
      ids.push_back(document[i]);
      positions.push_back(static_cast<std::int64_t>(i));
      labels.push_back(i < first ? -100 : document[i]);
    }
  }
  return {{"input_ids", padded({ids}, 0)},
          {"position_ids", padded({positions}, 0)},
          {"labels", padded({labels}, 0)}};
}

TEST(Pitfall, PackedDocumentsDoNotSeeEachOther) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const double packed = value_of(policy, "sft", {}, packed_batch(kRagged, 2));
  EXPECT_NEAR(packed, value_of(policy, "sft", {}, sft_batch(kRagged, 2)), kSame);
  // The first document's words change; only the second is trained on.
  const auto second_alone = [&](std::vector<std::int64_t> first) {
    BatchTensors batch = packed_batch({std::move(first), kRagged[1]}, 2);
    batch.at("labels")[0].narrow(0, 0, 5).fill_(-100);
    return value_of(policy, "sft", {}, batch);
  };
  EXPECT_NEAR(second_alone({5, 9, 17, 33, 97}), second_alone({40, 41, 42, 43, 44}), kSame);
}

TEST(Pitfall, ThePackedFirstTokenIsNeverATarget) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  EXPECT_EQ(value_of(policy, "sft", {}, packed_batch(kRagged, 0)),
            value_of(policy, "sft", {}, packed_batch(kRagged, 1)));
}

TEST(Pitfall, KtoNeedsAnotherRowForItsReferencePoint) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  BatchTensors batch = answer_batch({{5, 6, 7}}, 2);
  for (const auto& [name, tensor] : answer_batch({{5, 6, 7}}, 2)) batch["KL_" + name] = tensor;
  batch["label"] = at::ones({1}, at::TensorOptions(at::kLong));
  const auto result = loss_of_batch(policy, "kto", {}, batch);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("two rows"), std::string::npos) << result.error().message;
}

TEST(Pitfall, OrpoCountsThePromptInItsNllAndNotInItsOdds) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const Rows rejected = {{5, 9, 40, 97}, {6, 7, 41, 42, 97}, {4, 11, 43, 97}};
  const auto batch = [&](std::size_t answer) {
    return BatchTensors{{"chosen_input_ids", padded(kRagged, 0)},
                        {"chosen_attention_mask", mask_from(kRagged, 0)},
                        {"chosen_labels", labels_from(kRagged, answer)},
                        {"rejected_input_ids", padded(rejected, 0)},
                        {"rejected_attention_mask", mask_from(rejected, 0)},
                        {"rejected_labels", labels_from(rejected, answer)}};
  };
  const LossOfBatch late = loss_of(policy, "orpo", {}, batch(3));
  const LossOfBatch early = loss_of(policy, "orpo", {}, batch(2));
  const double whole = value_of(policy, "sft", {}, sft_batch(kRagged, 1));
  EXPECT_NEAR(late.metrics.at("nll_loss").as_double(), whole, kSame);
  EXPECT_NEAR(early.metrics.at("nll_loss").as_double(), whole, kSame);
  EXPECT_GT(std::abs(late.metrics.at("logps/chosen").as_double() -
                     early.metrics.at("logps/chosen").as_double()),
            10 * kSame);
}

struct Prompted {
  Rows prompts;
  Rows answers;
};

BatchTensors grpo_batch(const Prompted& rows, std::int64_t left) {
  Rows prompts = rows.prompts;
  Rows marks;
  for (auto& prompt : prompts) {
    marks.emplace_back(prompt.size(), 1);
    prompt.insert(prompt.begin(), static_cast<std::size_t>(left), 0);
    marks.back().insert(marks.back().begin(), static_cast<std::size_t>(left), 0);
  }
  return {{"prompt_ids", padded(prompts, 0)},
          {"prompt_mask", padded(marks, 0)},
          {"completion_ids", padded(rows.answers, 0)},
          {"completion_mask", mask_from(rows.answers, 0)},
          {"advantages", at::tensor({1.5F, -0.5F})}};
}

TEST(Pitfall, OnPolicyRatiosAreExactlyOne) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const Prompted rows{{{5, 6}, {5, 6}}, {{7, 8, 97}, {9, 97}}};
  const LossOfBatch result = loss_of(policy, "grpo", {{"epsilon", 0.0}}, grpo_batch(rows, 0));
  EXPECT_NEAR(result.loss.item<double>(), -(3 * 1.5 - 2 * 0.5) / 5.0, 1e-6);
  EXPECT_EQ(result.metrics.at("clip_ratio/region_mean").as_double(), 0.0);
}

TEST(Pitfall, PaddingBeforeAPromptChangesNothing) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const Prompted rows{{{5, 6}, {5, 6}}, {{7, 8, 97}, {9, 97}}};
  const json::object config = {{"beta", 0.1}, {"loss_type", "grpo"}};
  EXPECT_EQ(value_of(policy, "grpo", config, grpo_batch(rows, 0)),
            value_of(policy, "grpo", config, grpo_batch(rows, 3)));
}

}  // namespace
}  // namespace hone::engine
