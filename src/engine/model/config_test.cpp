#include "engine/model/config.h"

#include <gtest/gtest.h>

#include "engine/model/test_support.h"

namespace hone::engine {
namespace {

constexpr std::string_view kSizes =
    R"("vocab_size": 300, "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2)";

Result<LlamaConfig> parse(std::string_view fields) {
  return parse_config("{" + std::string(kSizes) + std::string(fields) + "}", "config.json");
}

TEST(Config, ReadsTheOldLayout) {
  const auto config =
      parse(R"(, "rope_theta": 500000.0, "eos_token_id": [7, 8], "torch_dtype": "float16",
      "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                       "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->head_dim, 16);
  EXPECT_EQ(config->rope_theta, 500000.0);
  EXPECT_EQ(config->rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(config->rope_scaling.factor, 32.0);
  EXPECT_EQ(config->eos_token_ids, (std::vector<std::int64_t>{7, 8}));
  EXPECT_EQ(config->torch_dtype, "float16");
}

TEST(Config, ReadsTheNewLayout) {
  const auto config = parse(R"(, "dtype": "bfloat16", "eos_token_id": 2, "head_dim": 24,
      "rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 100000})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->head_dim, 24);
  EXPECT_EQ(config->rope_theta, 100000.0);
  EXPECT_EQ(config->rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(config->torch_dtype, "bfloat16");
}

TEST(Config, WhatIsWrittenReadsBackEqual) {
  for (const char* variant : {"mha_tied", "gqa_llama3rope", "headdim_linear_bias", "gqa_bf16"}) {
    const auto path = shared_file("golden/model/" + std::string(variant) + "/config.json");
    if (!path) GTEST_SKIP();
    const auto config = parse_config(read_all(*path), *path);
    ASSERT_TRUE(config) << config.error().message;
    const std::string text = write_config(*config);
    const auto again = parse_config(text, "again");
    ASSERT_TRUE(again) << again.error().message << text;
    EXPECT_EQ(write_config(*again), text);
    EXPECT_EQ(again->head_dim, config->head_dim);
    EXPECT_EQ(again->attention_bias, config->attention_bias);
  }
}

TEST(Config, RefusesWhatTheForwardCannotDo) {
  const auto message = [](std::string_view fields) {
    const auto config = parse(fields);
    return config ? std::string("accepted") : config.error().message;
  };
  EXPECT_NE(message(R"(, "model_type": "qwen2")").find("model_type"), std::string::npos);
  EXPECT_NE(message(R"(, "hidden_act": "gelu")").find("hidden_act"), std::string::npos);
  EXPECT_NE(message(R"(, "rope_scaling": {"type": "yarn"})").find("yarn"), std::string::npos);
  EXPECT_NE(message(R"(, "head_dim": 15)").find("head_dim"), std::string::npos);
  EXPECT_NE(message(R"(, "rope_theta": "big")").find("rope_theta"), std::string::npos);
  EXPECT_NE(message(R"(, "eos_token_id": 300)").find("eos_token_id"), std::string::npos);
  const auto missing = parse_config(R"({"vocab_size": 5})", "config.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "config.json: field 'hidden_size' is missing");
}

}  // namespace
}  // namespace hone::engine
