// A Llama of some thousand weights with a tokenizer of single characters, as a folder, and run
// folders over it: real files through the real code, in milliseconds a step.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "engine/model/llama.h"
#include "engine/model/test_support.h"

namespace hone::engine {

// How a tiny model is talked to. The last of `specials` ends its messages.
struct TinyForm {
  std::vector<std::string> specials;
  std::string chat_template;
};

inline TinyForm tiny_chat_ml() {
  return {{"<|im_start|>", "<|im_end|>"},
          "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
          "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"};
}

// The format is known by what its template names.
inline TinyForm tiny_llama31() {
  return {{"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
          "{{- bos_token }}{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}"
          "{{- \"Cutting Knowledge Date: December 2023\\n\" }}"};
}

inline std::string tiny_tokenizer(const TinyForm& form = tiny_chat_ml()) {
  json::object vocab;
  for (char c = '!'; c <= '~'; ++c) vocab[std::string(1, c)] = static_cast<int>(vocab.size());
  vocab["\u0120"] = static_cast<int>(vocab.size());  // blank
  vocab["\u010a"] = static_cast<int>(vocab.size());  // newline
  json::array added;
  for (const std::string& special : form.specials) {
    added.push_back(json::object{{"id", static_cast<int>(vocab.size() + added.size())},
                                 {"content", special},
                                 {"special", true}});
  }
  const json::object model = {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}};
  return json::serialize(json::object{
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"model", model}});
}

inline at::Tensor random_tensor(Random& random, at::IntArrayRef shape, double scale) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions(at::kFloat));
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    tensor.mutable_data_ptr<float>()[i] = static_cast<float>(random.normal() * scale);
  return tensor;
}

// `first_weight` replaces the first value of the final norm, e.g. with a NaN.
inline void write_tiny_model(const std::string& folder, float first_weight = 1.0F,
                             const TinyForm& form = tiny_chat_ml()) {
  std::filesystem::create_directories(folder);
  LlamaConfig config;
  config.vocab_size = 96 + static_cast<std::int64_t>(form.specials.size());
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.tie_word_embeddings = true;
  config.eos_token_ids = {config.vocab_size - 1};
  config.torch_dtype = "float32";
  Random random(7);
  const auto filled = [&random](at::IntArrayRef shape, double scale) {
    return random_tensor(random, shape, scale);
  };
  LlamaWeights weights{config, filled({config.vocab_size, 32}, 0.3), {}, at::ones({32}), {}};
  weights.norm[0].fill_(first_weight);
  weights.lm_head = weights.embed_tokens;
  for (int i = 0; i < 2; ++i) {
    weights.layers.push_back({at::ones({32}),
                              at::ones({32}),
                              {filled({64, 32}, 0.2), {}},
                              {filled({32, 32}, 0.2), {}},
                              {filled({96, 32}, 0.2), {}},
                              {filled({32, 48}, 0.2), {}}});
  }
  const auto saved = save_llama(weights, folder, at::kFloat);
  if (!saved) ADD_FAILURE() << saved.error().message;
  write_all(folder + "/tokenizer.json", tiny_tokenizer(form));
  write_all(folder + "/tokenizer_config.json",
            json::serialize(json::object{{"chat_template", form.chat_template}}));
}

inline std::string tiny_demonstrations(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const std::string name(static_cast<std::size_t>(1 + i % 5), static_cast<char>('a' + i % 26));
    lines += json::serialize(
                 json::object{{"id", "ex" + std::to_string(i)},
                              {"messages",
                               {{{"role", "system"}, {"content", "Greet people kindly."}},
                                {{"role", "user"}, {"content", "Greet " + name}},
                                {{"role", "assistant"}, {"content", "Hello " + name + "!"}}}},
                              {"weight", 1.0 - 0.01 * i}}) +
             "\n";
  }
  return lines;
}

inline std::string tiny_preferences(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const std::string name(static_cast<std::size_t>(1 + i % 5), static_cast<char>('a' + i % 26));
    lines += json::serialize(json::object{
                 {"id", "pair" + std::to_string(i)},
                 {"prompt", json::array{{{"role", "user"}, {"content", "Greet " + name}}}},
                 {"chosen", "Hello " + name + "!"},
                 {"rejected", "hi " + name}}) +
             "\n";
  }
  return lines;
}

// Greetings that were accepted, and every other one rejected.
inline std::string tiny_judgements(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const std::string name(static_cast<std::size_t>(1 + i % 5), static_cast<char>('a' + i % 26));
    const bool good = i % 2 == 0;
    lines += json::serialize(json::object{
                 {"id", "judged" + std::to_string(i)},
                 {"prompt", json::array{{{"role", "user"}, {"content", "Greet " + name}}}},
                 {"completion", good ? "Hello " + name + "!" : "hi " + name},
                 {"label", good}}) +
             "\n";
  }
  return lines;
}

// A run folder beside its model. `fields` are run.toml's, beyond those that always stand.
inline std::string write_tiny_run(const TempFolder& temp, const std::string& name,
                                  const std::string& dataset, const std::string& fields) {
  const std::string folder = temp.path(name);
  std::filesystem::create_directories(folder);
  if (!std::filesystem::exists(temp.path("model"))) write_tiny_model(temp.path("model"));
  write_all(folder + "/train.jsonl", dataset);
  write_all(folder + "/run.toml",
            "base_model = \"../model\"\ndataset = \"train.jsonl\"\nseed = 3\n" + fields + "\n");
  return folder;
}

}  // namespace hone::engine
