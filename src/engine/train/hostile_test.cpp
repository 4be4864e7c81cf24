// Models, adapters, batches, checkpoints, run folders and datasets that somebody made to harm, or
// that do not fit each other: an error names the file and what in it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/model/error_test_support.h"
#include "engine/model/lora.h"
#include "engine/train/batch/batch_test_support.h"
#include "engine/train/batch/inputs.h"
#include "engine/train/checkpoint.h"
#include "engine/train/line_reader.h"
#include "engine/train/run_spec.h"
#include "engine/train/tiny_model_support.h"

namespace hone::engine {
namespace {

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  engine::expect_words(message, words, 2000);
}

// A tiny model with another field in its config.json.
class HostileModel : public ::testing::Test {
 protected:
  HostileModel() { write_tiny_model(temp_.path("model")); }

  std::string error_with(std::string_view name, const json::value& value) {
    auto config = json::parse(read_all(temp_.path("model/config.json"))).as_object();
    config[name] = value;
    write_all(temp_.path("model/config.json"), json::serialize(config));
    return error_of(load_llama(temp_.path("model"), at::kFloat));
  }

  // The model's weights, and `more`.
  std::string error_with_tensor(const std::string& name, const at::Tensor& more) {
    auto weights = load_llama(temp_.path("model"), at::kFloat);
    if (!weights) return weights.error().message;
    auto tensors = named_tensors(*weights);
    tensors.push_back({name, more});
    auto saved = save_tensors(temp_.path("model/model.safetensors"), tensors, at::kFloat);
    if (!saved) return saved.error().message;
    return error_of(load_llama(temp_.path("model"), at::kFloat));
  }

  const TempFolder temp_;
};

// Where memory were taken by what config.json says, these would take terabytes.
TEST_F(HostileModel, TakesNoMemoryForWhatIsNotThere) {
  expect_words(error_with("vocab_size", 1 << 24),
               {temp_.path("model"), "'model.embed_tokens.weight'", "[98, 32]", "[16777216, 32]"});
}

TEST_F(HostileModel, OfMoreLayersThanThereAreEndsAtTheFirst) {
  expect_words(error_with("num_hidden_layers", 16384), {"'model.layers.2.input_layernorm.weight'"});
}

TEST_F(HostileModel, OfFewerLayersThanThereAreIsNotLoadedInPart) {
  expect_words(error_with("num_hidden_layers", 1), {"'model.layers.1.", "no place"});
}

TEST_F(HostileModel, NamesTheMatrixThatDoesNotFit) {
  expect_words(error_with("intermediate_size", 1 << 24),
               {"'model.layers.0.mlp.gate_proj.weight'", "[48, 32]", "[16777216, 32]"});
}

TEST_F(HostileModel, WithHeadsOfAnotherSizeIsRefused) {
  expect_words(error_with("head_dim", 65536), {"'model.layers.0.self_attn.q_proj.weight'"});
}

TEST_F(HostileModel, WithATensorThatALlamaHasNotIsRefused) {
  const at::Tensor ones = at::ones({8});
  expect_words(error_with_tensor("model.layers.0.self_attn.q_norm.weight", ones),
               {"'model.layers.0.self_attn.q_norm.weight'", "no place"});
}

TEST_F(HostileModel, WithABiasThatItsConfigurationHasNotIsRefused) {
  expect_words(error_with_tensor("model.layers.0.self_attn.q_proj.bias", at::ones({32})),
               {"'model.layers.0.self_attn.q_proj.bias'"});
}

TEST_F(HostileModel, WithWhatOldFilesCarryIsLoaded) {
  EXPECT_EQ(error_with_tensor("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({4})),
            "accepted");
  EXPECT_EQ(error_with_tensor("score.weight", at::ones({1, 32})), "accepted");
}

TEST_F(HostileModel, OfWholeNumbersIsRefused) {
  const std::string bytes(98 * 32 * 4, '\0');
  ASSERT_TRUE(write_safetensors(temp_.path("model/model.safetensors"),
                                {{"model.embed_tokens.weight", DType::kI32, {98, 32}, bytes}}));
  expect_words(error_of(load_llama(temp_.path("model"), at::kFloat)),
               {"'model.embed_tokens.weight'", "I32"});
}

// An adapter of the query projections of the tiny model, rank 4.
class HostileAdapter : public ::testing::Test {
 protected:
  HostileAdapter() {
    write_tiny_model(temp_.path("model"));
    std::filesystem::create_directories(temp_.path("adapter"));
    auto config = read_config(temp_.path("model"));
    if (!config) ADD_FAILURE() << config.error().message;
    model_ = *config;
    save(4, {Projection::kQ});
  }

  void save(std::int64_t r, std::vector<Projection> targets) {
    const auto adapter = make_lora(model_, {r, 8, false, std::move(targets)}, Random(1));
    auto saved = save_lora(adapter, temp_.path("adapter"), "base");
    if (!saved) ADD_FAILURE() << saved.error().message;
  }

  std::string error_with(std::string_view name, const json::value& value) {
    const std::string path = temp_.path("adapter/adapter_config.json");
    const std::string before = read_all(path);
    auto config = json::parse(before).as_object();
    config[name] = value;
    write_all(path, json::serialize(config));
    std::string message = error_of(load_lora(temp_.path("adapter"), model_));
    write_all(path, before);
    return message;
  }

  const TempFolder temp_;
  LlamaConfig model_;
};

TEST_F(HostileAdapter, NamesTheFieldThatIsNotComputedHere) {
  EXPECT_EQ(error_with("lora_dropout", 0.1), "accepted");
  const json::object some{{"q_proj", 8}};
  for (const auto& [name, value] : std::vector<std::pair<std::string, json::value>>{
           {"r", 0},
           {"r", -4},
           {"r", std::int64_t{1} << 62},
           {"r", 4.5},
           {"lora_alpha", 1e300},
           {"lora_alpha", "8"},
           {"use_dora", true},
           {"modules_to_save", json::array{"lm_head"}},
           {"rank_pattern", some},
           {"alpha_pattern", some},
           {"fan_in_fan_out", true},
           {"bias", "all"},
           {"lora_bias", true},
           {"layers_to_transform", json::array{0}},
           {"layer_replication", json::array{json::array{0, 2}}},
           {"trainable_token_indices", json::array{1}},
           {"target_parameters", json::array{"x"}},
           {"exclude_modules", "k_proj"},
           {"use_qalora", true},
           {"init_lora_weights", "pissa_niter_4"},
           {"init_lora_weights", 7},
           {"peft_type", "LOHA"},
           {"target_modules", json::array{"embed_tokens"}},
           {"target_modules", "model\\.layers\\..*q_proj"},
           {"target_modules", json::array()},
           {"target_modules", 7},
       }) {
    expect_words(error_with(name, value), {"adapter_config.json", "'" + name + "'"});
  }
}

TEST_F(HostileAdapter, NamesTheTensorThatDoesNotFit) {
  const std::string a = "'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'";
  expect_words(error_with("r", 4096), {"adapter_model.safetensors", a, "[4, 32]", "[4096, 32]"});
  expect_words(error_with("target_modules", json::array{"q_proj", "v_proj"}),
               {"adapter_model.safetensors", "layers.0.self_attn.v_proj.lora_A.weight", "missing"});
  save(4, {Projection::kQ, Projection::kDown});
  expect_words(error_with("target_modules", json::array{"q_proj"}),
               {"adapter_model.safetensors", "down_proj.lora_A.weight", "none that"});
  model_.num_hidden_layers = 3;
  expect_words(error_with("lora_dropout", 0.0), {"layers.2.self_attn.q_proj.lora_A.weight"});
}

TEST_F(HostileAdapter, CutAnywhereIsAnErrorAndNoMore) {
  const std::string path = temp_.path("adapter/adapter_model.safetensors");
  const std::string whole = read_all(path);
  for (std::size_t i = 0; i < 40; ++i) {
    write_all(path, whole.substr(0, whole.size() * i / 40));
    expect_words(error_of(load_lora(temp_.path("adapter"), model_)), {"adapter_model.safetensors"});
  }
}

TEST(HostileBatch, IsRefusedByFileAndTensor) {
  const TempFolder temp;
  const auto message = [&](const std::vector<TensorView>& tensors) {
    if (auto saved = write_safetensors(temp.path("b.safetensors"), tensors); !saved)
      return saved.error().message;
    return error_of(read_batch(temp.path("b.safetensors")));
  };
  expect_words(message({{"x", DType::kI64, {1}, "12345678"}}), {"b.safetensors", "'x'"});
  expect_words(message({{"in.x", DType::kF8E5M2, {1}, "1"}}),
               {"b.safetensors", "'in.x'", "F8_E5M2"});
  expect_words(message({}), {"b.safetensors", "in."});
  expect_words(message({{"out.y", DType::kU8, {1}, "1"}}), {"b.safetensors", "in."});
  // Tensors of nothing in shapes that a library would multiply.
  const std::int64_t large = std::int64_t{1} << 60;
  EXPECT_EQ(message({{"in.x", DType::kU8, {0, large}, ""}}), "accepted");
  expect_words(message({{"in.x", DType::kU8, {0, large, large}, ""}}), {"'in.x'", "overflows"});
}

TEST(HostileBatch, OfManyDocumentsTakesNoSquareOfItsSize) {
  const TempFolder temp;
  const Policy policy = tiny_policy(temp);
  const std::int64_t tokens = 20'000;
  const auto whole = at::TensorOptions(at::kLong);
  const BatchTensors batch{{"input_ids", at::ones({1, tokens}, whole)},
                           {"labels", at::ones({1, tokens}, whole)},
                           {"position_ids", at::zeros({1, tokens}, whole)}};
  expect_words(error_of(loss_of_batch(policy, "sft", {}, batch)),
               {"'in.position_ids'", "20000 documents"});
}

// A checkpoint of a policy on the tiny model, with another field in its state.json.
class HostileCheckpoint : public ::testing::Test {
 protected:
  HostileCheckpoint() {
    write_tiny_model(temp_.path("model"));
    auto weights = load_llama(temp_.path("model"), at::kFloat);
    if (!weights) ADD_FAILURE() << weights.error().message;
    const LoraConfig lora{4, 8, false, {Projection::kQ}};
    auto adapter = make_lora(weights->config, lora, Random(1));
    policy_ = make_policy(std::move(*weights), std::move(adapter), at::kFloat, false);
    optimizer_.emplace(policy_.parameters(), AdamWOptions{});
    const TrainState state{.step = 3, .tokens = 7, .inputs = "inputs"};
    auto saved = save_checkpoint(temp_.path(), policy_, *optimizer_, state, "base", *alone());
    if (!saved) ADD_FAILURE() << saved.error().message;
  }

  [[nodiscard]] std::string path() const { return temp_.path("checkpoints/step-3/state.json"); }

  // Whether it is taken, which needs all of it to be as it was saved.
  bool taken_with(std::string_view name, const json::value& value) {
    const std::string before = read_all(path());
    auto state = json::parse(before).as_object();
    state[name] = value;
    write_all(path(), json::serialize(state));
    const auto loaded = load_checkpoint(temp_.path(), *optimizer_, "inputs", /*world=*/1);
    write_all(path(), before);
    return loaded && loaded->has_value();
  }

  const TempFolder temp_;
  Policy policy_;
  std::optional<AdamW> optimizer_;
};

TEST_F(HostileCheckpoint, IsPassedOver) {
  EXPECT_TRUE(taken_with("step", 3));
  EXPECT_FALSE(taken_with("step", 2));
  EXPECT_FALSE(taken_with("step", std::int64_t{1} << 60));
  EXPECT_FALSE(taken_with("optimizer_steps", -1));
  EXPECT_FALSE(taken_with("tokens", -1));
  EXPECT_FALSE(taken_with("tokens", "7"));
  EXPECT_FALSE(taken_with("files", json::object()));
  EXPECT_FALSE(taken_with("files", json::array()));
  auto files = json::parse(read_all(path())).as_object().at("files").as_object();
  ASSERT_TRUE(files.contains("optimizer.safetensors"));
  EXPECT_TRUE(taken_with("files", files));
  for (const char* name : {"../step-3/optimizer.safetensors", "/etc/passwd", "..", ""}) {
    auto more = files;
    more[name] = files.at("optimizer.safetensors");  // the right digest of the first, even
    EXPECT_FALSE(taken_with("files", more)) << name;
  }
  files.erase("optimizer.safetensors");
  EXPECT_FALSE(taken_with("files", files));
  EXPECT_TRUE(taken_with("tokens", 7));
}

TEST(HostileRun, NamesTheFileAndTheFieldOrItsSize) {
  const TempFolder temp;
  const auto message = [&](const std::string& text) {
    write_all(temp.path("run.toml"), text);
    return error_of(read_run_spec(temp.path()));
  };
  const std::string good = "method = \"sft\"\nbase_model = \"m\"\ndataset = \"d\"\n";
  EXPECT_EQ(message(good), "accepted");
  expect_words(message(good + "lora_r = 99999999999"), {"run.toml", "line 4", "lora_r"});
  expect_words(message(good + "lora_alpha = nan"), {"run.toml", "line 4", "lora_alpha"});
  expect_words(message(good + "learning_rate = inf"), {"run.toml", "line 4", "learning_rate"});
  expect_words(message(good + "threads = -1"), {"run.toml", "line 4", "threads"});
  expect_words(message(good + "x = " + std::string(100'000, '[')), {"run.toml"});
  expect_words(message(good + std::string(2 << 20, '#')), {"run.toml", "1048576"});
}

TEST(HostileDataset, NamesTheLine) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const auto tokenizer = Tokenizer::load(temp.path("model"));
  ASSERT_TRUE(tokenizer);
  const auto chat = Chat::load(temp.path("model"), *tokenizer);
  ASSERT_TRUE(chat) << chat.error().message;
  const auto message = [&](const std::string& line) {
    write_all(temp.path("d.jsonl"), tiny_preferences(1) + line + "\n");
    return error_of(read_preferences(temp.path("d.jsonl"), *chat, 256));
  };
  const std::string pair =
      R"({"id": "x", "prompt": [{"role": "user", "content": "a"}], "chosen": "b", "rejected": "c")";
  EXPECT_EQ(message(pair + "}"), "accepted");
  expect_words(message(pair + R"(, "margin": 1e300})"), {"d.jsonl: line 2", "'margin'"});
  expect_words(message(pair + R"(, "weight": -1})"), {"d.jsonl: line 2", "'weight'"});
  expect_words(message(pair + R"(, "x": )" + std::string(100'000, '[')), {"line 2", "nested"});
  expect_words(message("{\"id\": \"" + std::string(33 << 20, 'x') + "\"}"), {"line 2", "limit"});
  std::filesystem::remove(temp.path("d.jsonl"));
  ASSERT_EQ(::mkfifo(temp.path("d.jsonl").c_str(), 0600), 0);  // nobody writes to it
  expect_words(error_of(read_preferences(temp.path("d.jsonl"), *chat, 256)),
               {"d.jsonl", "not a file"});
}

TEST(HostileLine, NamesTheIdThatTheModelDoesNotKnow) {
  const TempFolder temp;
  write_tiny_model(temp.path("model"));
  const LineReader reader(temp.path("model"), 98);
  EXPECT_TRUE(reader.read(R"({"ids": [1, 97]})"));
  expect_words(error_of(reader.read(R"({"ids": [1, 98]})")), {"'ids'", "98"});
  expect_words(error_of(reader.read(R"({"ids": [1, -1]})")), {"'ids'", "-1"});
  expect_words(error_of(reader.read(R"({"ids": [1, 1e30]})")), {"'ids'"});
  expect_words(error_of(reader.read(R"({"ids": [1]})")), {"'ids'", "two"});
  expect_words(error_of(reader.read(std::string(100'000, '['))), {"nested"});
}

}  // namespace
}  // namespace hone::engine
