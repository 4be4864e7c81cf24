// The forward and backward pass. Every golden model and adapter is held against transformers and
// PEFT in golden/golden_test.cpp.
#include "engine/model/llama.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numeric>

#include "engine/model/golden_test_support.h"
#include "engine/model/llama_forward.h"
#include "engine/model/lora.h"

namespace hone::engine {
namespace {

TokenIds to_ids(const at::Tensor& row) {
  const at::Tensor flat = row.to(at::kLong).contiguous();
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

at::Tensor from_ids(const TokenIds& ids) {
  return at::tensor(ids, at::TensorOptions(at::kLong));
}

// The two sequences of a golden file, without padding.
std::vector<TokenIds> golden_sequences(Tensors& expected) {
  const at::Tensor lengths = expected["attention_mask"].sum(1);
  std::vector<TokenIds> sequences;
  for (std::int64_t i = 0; i < 2; ++i)
    sequences.push_back(
        to_ids(expected["input_ids"][i].narrow(0, 0, lengths[i].item<std::int64_t>())));
  return sequences;
}

at::Tensor logits_of(const LlamaWeights& weights, const LoraAdapter* adapter, const Batch& batch,
                     std::size_t sequence) {
  const at::Tensor rows = from_ids(batch.rows[sequence]);
  return at::linear(hidden_states(weights, adapter, batch, rows, at::kFloat), weights.lm_head);
}

// Log-probabilities of all tokens after the first, of all sequences.
at::Tensor logprobs_of(const LlamaWeights& weights, const LoraAdapter* adapter,
                       const std::vector<TokenIds>& sequences,
                       std::size_t min_shared = kMinShared) {
  const Batch batch = pack(sequences, min_shared);
  TokenIds rows;
  TokenIds targets;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    rows.insert(rows.end(), batch.rows[i].begin(), batch.rows[i].end() - 1);
    targets.insert(targets.end(), sequences[i].begin() + 1, sequences[i].end());
  }
  const at::Tensor hidden = hidden_states(weights, adapter, batch, from_ids(rows), at::kFloat);
  return target_logprobs(hidden, weights.lm_head, from_ids(targets));
}

TEST(Lora, MergesToTheSameLogits) {
  const auto folder = shared_file("golden/model/gqa_llama3rope");
  if (!folder) GTEST_SKIP();
  Tensors expected = read_tensors(*folder + "/lora_all/expected.safetensors");
  Tensors inputs = read_tensors(*folder + "/expected.safetensors");
  auto weights = load_llama(*folder, at::kFloat);
  auto adapter = load_lora(*folder + "/lora_all", weights->config);
  merge_lora(*weights, *adapter);
  const Batch batch = pack(golden_sequences(inputs));
  expect_near(logits_of(*weights, nullptr, batch, 1), expected["logits_b"], 2e-5, "merged");
}

TEST(Lora, WritesWhatItReads) {
  const auto folder = shared_file("golden/model/headdim_linear_bias");
  if (!folder) GTEST_SKIP();
  const TempFolder temp;
  auto config = read_config(*folder);
  for (const char* name : {"lora_all", "lora_rs_qkvo"}) {
    if (!std::filesystem::exists(*folder + "/" + name)) continue;
    auto adapter = load_lora(*folder + "/" + name, *config);
    ASSERT_TRUE(adapter) << adapter.error().message;
    ASSERT_TRUE(save_lora(*adapter, temp.path(), "base"));
    auto again = load_lora(temp.path(), *config);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->config.scale(), adapter->config.scale());
    const auto before = named_tensors(*adapter);
    const auto after = named_tensors(*again);
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
      EXPECT_TRUE(before[i].tensor.equal(after[i].tensor)) << before[i].name;
  }
}

TEST(Lora, RefusesWhatItCannotCompute) {
  const auto folder = shared_file("golden/model/mha_tied");
  if (!folder) GTEST_SKIP();
  const TempFolder temp;
  auto config = read_config(*folder);
  const auto refused = [&](const std::string& text, const std::string& word) {
    write_all(temp.path("adapter_config.json"), text);
    auto adapter = load_lora(temp.path(), *config);
    ASSERT_FALSE(adapter);
    EXPECT_NE(adapter.error().message.find(word), std::string::npos) << adapter.error().message;
  };
  refused("{", "adapter_config.json");
  refused(R"({"peft_type":"LOHA"})", "LOHA");
  refused(
      R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"use_dora":true})",
      "use_dora");
  refused(R"({"peft_type":"LORA","r":0,"lora_alpha":8,"target_modules":["q_proj"]})", "'r' must");
  refused(R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["embed_tokens"]})",
          "embed_tokens");
  refused(R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"]})",
          "adapter_model.safetensors");
}

TEST(Batch, SharedBeginningsChangeNeitherValuesNorGradients) {
  const auto folder = shared_file("golden/model/gqa_llama3rope");
  if (!folder) GTEST_SKIP();
  const TokenIds stem = {5, 9, 17, 33, 65, 129, 7, 8, 9, 10};
  std::vector<TokenIds> sequences;
  for (std::int64_t i = 0; i < 5; ++i) {
    TokenIds sequence = stem;
    if (i > 1) sequence.insert(sequence.end(), {100, 101, 102, 103});
    for (std::int64_t t = 0; t < 3 + i; ++t) sequence.push_back(20 + 7 * i + t);
    sequences.push_back(sequence);
  }
  sequences.push_back(stem);
  EXPECT_LT(pack(sequences, 2).size(), pack(sequences, 1000).size() - 50);
  std::vector<LlamaWeights> gradients;
  std::vector<at::Tensor> values;
  for (const std::size_t min_shared : {2, 1000}) {
    auto weights = load_llama(*folder, at::kFloat);
    switch_on_gradients(*weights);
    values.push_back(logprobs_of(*weights, nullptr, sequences, min_shared));
    (values.back() * at::arange(values.back().size(0)).sin()).sum().backward();
    gradients.push_back(gradients_of(*weights));
  }
  expect_near(values[0], values[1].detach(), 2e-6, "log-probabilities");
  const auto shared = named_tensors(gradients[0]);
  const auto plain = named_tensors(gradients[1]);
  for (std::size_t i = 0; i < shared.size(); ++i)
    expect_same_direction(shared[i].tensor, plain[i].tensor, 2e-5, shared[i].name);
}

TEST(Batch, LongSequencesMatchOneTokenAtATime) {
  // More tokens than a block of queries: the first blocks must not see the last keys.
  const auto folder = shared_file("golden/model/mha_tied");
  if (!folder) GTEST_SKIP();
  auto weights = load_llama(*folder, at::kFloat);
  TokenIds ids(200);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int64_t>(3 + (i * 7) % 250);
  const at::Tensor whole = logits_of(*weights, nullptr, pack(std::vector<TokenIds>{ids}), 0);
  for (const std::size_t length : {1, 127, 128, 129, 200}) {
    const TokenIds beginning(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length));
    const at::Tensor part = logits_of(*weights, nullptr, pack(std::vector<TokenIds>{beginning}), 0);
    expect_near(part, whole.narrow(0, 0, static_cast<std::int64_t>(length)), 2e-5, "beginning");
  }
}

TEST(Llama, Bf16StaysNearFp32) {
  const auto folder = shared_file("golden/model/gqa_bf16");
  if (!folder) GTEST_SKIP();
  Tensors expected = read_tensors(*folder + "/expected.safetensors");
  Tensors adapted = read_tensors(*folder + "/lora_all/expected.safetensors");
  const auto sequences = golden_sequences(expected);
  auto weights = load_llama(*folder, at::kBFloat16);
  auto adapter = load_lora(*folder + "/lora_all", weights->config);
  ASSERT_TRUE(adapter) << adapter.error().message;
  for (const auto& [key, tensor] : named_tensors(*adapter)) tensor.requires_grad_(true);
  const Batch batch = pack(sequences);
  TokenIds rows(batch.rows[1].begin(), batch.rows[1].end() - 1);
  TokenIds targets(sequences[1].begin() + 1, sequences[1].end());
  const auto logprobs = [&](const LoraAdapter* lora) {
    const at::Tensor hidden = hidden_states(*weights, lora, batch, from_ids(rows), at::kBFloat16);
    return target_logprobs(hidden, weights->lm_head, from_ids(targets));
  };
  EXPECT_EQ(logprobs(nullptr).scalar_type(), at::kFloat);
  expect_near(logprobs(nullptr), expected["logprobs_b"], 0.02, "log-probabilities");
  logprobs(&*adapter).mean().backward();
  for (const auto& [name, tensor] : named_tensors(*adapter)) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_EQ(tensor.grad().scalar_type(), at::kFloat) << name;
    EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>()) << name;
  }
}

TEST(Llama, WritesWhatItReads) {
  const auto folder = shared_file("golden/model/headdim_linear_bias");
  if (!folder) GTEST_SKIP();
  const TempFolder temp;
  auto weights = load_llama(*folder, at::kFloat);
  ASSERT_TRUE(save_llama(*weights, temp.path(), at::kFloat));
  auto again = load_llama(temp.path(), at::kFloat);
  ASSERT_TRUE(again) << again.error().message;
  const auto before = named_tensors(*weights);
  const auto after = named_tensors(*again);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(before[i].tensor.equal(after[i].tensor)) << before[i].name;
}

}  // namespace
}  // namespace hone::engine
