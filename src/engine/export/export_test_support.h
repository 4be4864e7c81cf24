// Small models and adapters of random weights, as folders, for the tests of this folder.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/export/merged_model.h"
#include "engine/model/error_test_support.h"
#include "engine/model/lora.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {

// Of the tiny tokenizer's vocabulary; grouped queries, tied, and rows of 48 values in down_proj,
// which are no whole number of Q8_0's blocks.
inline LlamaConfig small_config() {
  LlamaConfig config;
  config.vocab_size = 98;
  config.hidden_size = 64;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 16;
  config.max_position_embeddings = 256;
  config.tie_word_embeddings = true;
  config.eos_token_ids = {97};
  config.torch_dtype = "float32";
  return config;
}

// Every tensor is random, norms and biases too, so that no two can be taken for each other.
inline void write_small_model(const std::string& folder, LlamaConfig config, at::ScalarType dtype,
                              double scale = 0.2) {
  std::filesystem::create_directories(folder);
  Random random(11);
  std::vector<NamedTensor> tensors;
  for (const ModelTensor& each : tensors_of(config)) {
    tensors.push_back({each.name, random_tensor(random, each.shape, scale * 5)});
    if (each.shape.size() == 2)
      tensors.back().tensor *= each.name.starts_with("model.embed") ? 1 : 0.2;
  }
  config.torch_dtype = dtype == at::kFloat ? "float32" : "bfloat16";
  const auto saved = save_tensors(folder + "/model.safetensors", tensors, dtype);
  if (!saved) ADD_FAILURE() << saved.error().message;
  write_all(folder + "/config.json", write_config(config));
  write_all(folder + "/tokenizer.json", tiny_tokenizer());
  write_all(folder + "/tokenizer_config.json",
            json::serialize(json::object{{"bos_token", "<|im_start|>"},
                                         {"eos_token", "<|im_end|>"},
                                         {"chat_template",
                                          "{% for message in messages %}{{ '<|im_start|>' + "
                                          "message['content'] + '<|im_end|>' }}{% endfor %}"}}));
}

// An adapter of random A's and B's on `model`.
inline LoraAdapter write_small_adapter(const std::string& folder, const std::string& model,
                                       const LoraConfig& config, std::uint64_t seed) {
  std::filesystem::create_directories(folder);
  const auto sizes = read_config(model);
  if (!sizes) ADD_FAILURE() << sizes.error().message;
  LoraAdapter adapter = make_lora(*sizes, config, Random(seed));
  Random random(seed + 1000);
  for (LoraLayer& layer : adapter.layers) {
    for (LoraPair& pair : layer) {
      if (pair.b.defined()) pair.b = random_tensor(random, pair.b.sizes(), 0.1);
    }
  }
  const auto saved = save_lora(adapter, folder, model);
  if (!saved) ADD_FAILURE() << saved.error().message;
  return adapter;
}

}  // namespace hone::engine
