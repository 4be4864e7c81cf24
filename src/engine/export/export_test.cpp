// GGUF files that we write: read again by our own reader and importer, and held against those that
// llama.cpp's converter wrote. tests/export/llama_cpp_loads.py loads them in llama.cpp.
#include "engine/export/export_gguf.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/json.h"
#include "engine/export/export_test_support.h"
#include "engine/export/merged_model.h"
#include "engine/export/vocabulary.h"
#include "engine/model/chat.h"
#include "engine/model/gguf.h"
#include "engine/model/import.h"
#include "engine/model/import_tokenizer.h"
#include "engine/model/safetensors.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {
namespace {

// Exports `model`, imports that, and holds every tensor's bytes against the model's.
void expect_same_bits(const TempFolder& temp, const std::string& model, GgufType type,
                      const std::string& dtype) {
  const auto exported = export_gguf({model, {}, temp.path("m.gguf"), type});
  ASSERT_TRUE(exported) << exported.error().message;
  EXPECT_FALSE(std::filesystem::exists(temp.path("m.gguf.new")));
  const auto imported = import_gguf({.gguf_path = temp.path("m.gguf"),
                                     .folder = temp.path("back"),
                                     .dtype = dtype,
                                     .replace = true});
  ASSERT_TRUE(imported) << imported.error().message;
  const auto before = Checkpoint::open(model);
  const auto after = Checkpoint::open(temp.path("back"));
  ASSERT_TRUE(before && after);
  const auto config = read_config(model);
  ASSERT_TRUE(config) << config.error().message;
  for (const ModelTensor& each : tensors_of(*config)) {
    const TensorView* want = before->find(each.name);
    const TensorView* got = after->find(each.name);
    ASSERT_TRUE(want != nullptr && got != nullptr) << each.name;
    EXPECT_EQ(got->shape, want->shape) << each.name;
    EXPECT_EQ(got->dtype, want->dtype) << each.name;
    EXPECT_TRUE(got->bytes == want->bytes) << each.name;
  }
}

TEST(ExportGguf, GivesEveryBitBackInF32AndBF16) {
  const TempFolder temp;
  write_small_model(temp.path("f32"), small_config(), at::kFloat);
  expect_same_bits(temp, temp.path("f32"), GgufType::kF32, "f32");
  write_small_model(temp.path("bf16"), small_config(), at::kBFloat16);
  expect_same_bits(temp, temp.path("bf16"), GgufType::kBF16, "bf16");
}

TEST(ExportGguf, GivesConfigTokenizerAndTemplateBack) {
  const TempFolder temp;
  LlamaConfig config = small_config();
  config.rope_theta = 500000;
  config.rope_scaling = {RopeScaling::Kind::kLlama3, 8, 1, 4, 64};
  config.attention_bias = true;
  config.mlp_bias = true;
  config.tie_word_embeddings = false;
  config.head_dim = 32;  // not hidden size by heads
  config.bos_token_id = 96;
  write_small_model(temp.path("model"), config, at::kFloat);
  expect_same_bits(temp, temp.path("model"), GgufType::kF32, "f32");
  const auto back = read_config(temp.path("back"));
  ASSERT_TRUE(back) << back.error().message;
  config.rms_norm_eps = static_cast<double>(static_cast<float>(config.rms_norm_eps));
  EXPECT_EQ(write_config(*back), write_config(config));
  const auto tokenizer = Tokenizer::load(temp.path("model"));
  const auto again = Tokenizer::load(temp.path("back"));
  ASSERT_TRUE(tokenizer && again);
  for (const char* text : {"Hello, world 12", "<|im_start|>x<|im_end|>\n", "  a\n b"}) {
    for (const Specials specials : {Specials::kText, Specials::kParse}) {
      EXPECT_EQ(again->encode(text, specials), tokenizer->encode(text, specials)) << text;
    }
  }
  EXPECT_EQ(read_chat_template(temp.path("back")).value(),
            read_chat_template(temp.path("model")).value());
}

TEST(ExportGguf, LinearScalingComesBackToo) {
  const TempFolder temp;
  LlamaConfig config = small_config();
  config.rope_scaling.kind = RopeScaling::Kind::kLinear;
  config.rope_scaling.factor = 4;
  write_small_model(temp.path("model"), config, at::kFloat);
  expect_same_bits(temp, temp.path("model"), GgufType::kF32, "f32");
  EXPECT_EQ(read_config(temp.path("back"))->rope_scaling.factor, 4);
  EXPECT_EQ(read_config(temp.path("back"))->rope_scaling.kind, RopeScaling::Kind::kLinear);
}

TEST(ExportGguf, RopeDivisorsAreThoseOfLlamaCpp) {
  const TempFolder temp;
  LlamaConfig config = small_config();
  config.rope_theta = 500000;
  config.rope_scaling = {RopeScaling::Kind::kLlama3, 10, 1, 4, 64};  // 10: no power of two
  write_small_model(temp.path("model"), config, at::kFloat);
  const auto done = export_gguf({temp.path("model"), {}, temp.path("m.gguf"), GgufType::kF16});
  ASSERT_TRUE(done) << done.error().message;
  const auto file = GgufFile::open(temp.path("m.gguf"));
  ASSERT_TRUE(file) << file.error().message;
  const auto divisors = dequantise(*file->find_tensor("rope_freqs.weight"));
  ASSERT_TRUE(divisors) << divisors.error().message;
  ASSERT_EQ(divisors->size(), static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t i = 0; i < divisors->size(); ++i) {
    // Its converter's formula, in double.
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double wavelength = 2 * M_PI * std::pow(config.rope_theta, exponent);
    double want = 10;
    if (wavelength < 64.0 / 4) {
      want = 1;
    } else if (wavelength <= 64.0) {
      const double smooth = (64.0 / wavelength - 1) / 3;
      want = 1 / ((1 - smooth) / 10 + smooth);
    }
    EXPECT_NEAR((*divisors)[i], want, 1e-5 * want) << i;
  }
  EXPECT_EQ(divisors->front(), 1.0F);
  EXPECT_EQ(divisors->back(), 10.0F);
}

TEST(ExportGguf, F16AndQ8AreOfTheTypesOfLlamaCppAndWithinTheirRounding) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kFloat);
  const auto model = MergedModel::open(temp.path("model"), {});
  ASSERT_TRUE(model) << model.error().message;
  for (const GgufType type : {GgufType::kF16, GgufType::kQ8_0}) {
    const auto done = export_gguf({temp.path("model"), {}, temp.path("m.gguf"), type});
    ASSERT_TRUE(done) << done.error().message;
    const auto file = GgufFile::open(temp.path("m.gguf"));
    ASSERT_TRUE(file) << file.error().message;
    for (const ModelTensor& each : model->tensors()) {
      const GgufTensor* tensor = file->find_tensor(each.gguf_name);
      ASSERT_NE(tensor, nullptr) << each.gguf_name;
      const bool vector = each.shape.size() == 1;
      const bool blocks = each.shape.back() % 32 == 0;  // down_proj's rows have 48 values
      const GgufType want = vector ? GgufType::kF32 : blocks ? type : GgufType::kF16;
      EXPECT_EQ(tensor->type, static_cast<std::uint32_t>(want)) << each.name;
      const auto values = dequantise(*tensor);
      ASSERT_TRUE(values) << values.error().message;
      at::Tensor original = *model->tensor(each, at::kFloat);
      if (each.rotary_heads > 0) original = in_gguf_order(original, each.rotary_heads);
      const at::Tensor got =
          at::tensor(at::ArrayRef<float>(*values), at::TensorOptions(at::kFloat)).view(each.shape);
      // Half a step: of 11 bits, or of 127 steps up to the largest, with fp16's rounding of the
      // step.
      const double largest = original.abs().max().item<double>();
      const double step =
          want == GgufType::kQ8_0 ? largest / 127 * 0.5 + largest * 0x1p-11 : largest * 0x1p-11;
      EXPECT_LE((got - original).abs().max().item<double>(), vector ? 0.0 : step) << each.name;
    }
  }
}

TEST(ExportGguf, Q8RoundsHalfAwayFromZeroAsGgmlDoes) {
  std::vector<float> values(32, 0.0F);
  values[0] = -127;  // the scale is 1
  const std::vector<std::pair<float, int>> cases{{0.5F, 1},   {1.5F, 2},  {2.5F, 3},    {-0.5F, -1},
                                                 {-2.5F, -3}, {0.49F, 0}, {126.6F, 127}};
  for (std::size_t i = 0; i < cases.size(); ++i) values[i + 1] = cases[i].first;
  const at::Tensor row =
      at::tensor(at::ArrayRef<float>(values), at::TensorOptions(at::kFloat)).view({1, 32});
  const auto encoded = encode(row, GgufType::kQ8_0, "x");
  ASSERT_TRUE(encoded) << encoded.error().message;
  ASSERT_EQ(encoded->nbytes(), 34U);
  const auto* bytes = static_cast<const signed char*>(encoded->const_data_ptr());
  EXPECT_EQ(bytes[0], 0x00);
  EXPECT_EQ(bytes[1], 0x3C);  // fp16's 1
  EXPECT_EQ(bytes[2], -127);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(bytes[3 + i], cases[i].second) << cases[i].first;
  }
  const auto zeros = encode(at::zeros({1, 32}), GgufType::kQ8_0, "x");
  ASSERT_TRUE(zeros) << zeros.error().message;
  EXPECT_EQ(zeros->count_nonzero().item<std::int64_t>(), 0);
  EXPECT_TRUE(encode(at::full({1, 32}, 1e-40F), GgufType::kQ8_0, "x"));
  for (const float bad : {std::nanf(""), INFINITY, 1e7F}) {
    const auto refused = encode(at::full({1, 32}, bad), GgufType::kQ8_0, "blk.0.x");
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().message.find("blk.0.x"), std::string::npos);
  }
}

TEST(ExportGguf, WhatFp16CannotHoldIsNamedAndLeavesNoFile) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kFloat, 1e4);
  const std::string error =
      error_of(export_gguf({temp.path("model"), {}, temp.path("m.gguf"), GgufType::kF16}));
  EXPECT_NE(error.find("model.embed_tokens.weight"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(temp.path("m.gguf")));
  EXPECT_FALSE(std::filesystem::exists(temp.path("m.gguf.new")));
  EXPECT_EQ(error_of(export_gguf({temp.path("model"), {}, temp.path("m.gguf"), GgufType::kBF16})),
            "accepted");
}

TEST(ExportGguf, AFileWithoutAPlaceIsAnError) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kFloat);
  EXPECT_NE(error_of(export_gguf({temp.path("model"), {}, temp.path("no/m.gguf")})), "accepted");
}

// A golden tokenizer's folder.
struct Golden {
  TempFolder temp;
  Result<Vocabulary> vocabulary = fail(ErrorCode::kNotFound, "no golden files");
};

void read_golden(Golden& golden, const std::string& tokenizer, std::int64_t vocab_size) {
  const auto path = shared_file("golden/tokenizer/" + tokenizer + ".tokenizer.json.gz");
  if (!path) return;
  write_all(golden.temp.path("tokenizer.json"), unpacked(*path));
  LlamaConfig config;
  config.vocab_size = vocab_size;
  golden.vocabulary = read_vocabulary(golden.temp.path(), config);
  if (!golden.vocabulary) ADD_FAILURE() << golden.vocabulary.error().message;
}

Result<GgufFile> written_as_file(const Golden& golden) {
  GgufMetadata metadata;
  put_vocabulary(*golden.vocabulary, metadata);
  auto writer = GgufWriter::create(golden.temp.path("v.gguf"), metadata, {});
  if (!writer) return fail(writer.error());
  if (auto done = writer->finish(); !done) return fail(done.error());
  return GgufFile::open(golden.temp.path("v.gguf"));
}

template <typename T>
void expect_same_array(const GgufFile& got, const GgufFile& want, const std::string& key) {
  const auto* ours = got.find_as<std::vector<T>>(key);
  const auto* theirs = want.find_as<std::vector<T>>(key);
  ASSERT_TRUE(ours != nullptr && theirs != nullptr) << key;
  ASSERT_EQ(ours->size(), theirs->size()) << key;
  for (std::size_t i = 0; i < ours->size(); ++i) {
    ASSERT_EQ((*ours)[i], (*theirs)[i]) << key << " " << i;
  }
}

TEST(ExportVocabulary, OfSmolLm2IsThatOfLlamaCppsConverter) {
  const auto packed = shared_file("golden/tokenizer/smollm2-vocab.gguf.gz");
  Golden golden;
  read_golden(golden, "smollm2", 49152);
  if (!packed || !golden.vocabulary) GTEST_SKIP();
  write_all(golden.temp.path("theirs.gguf"), unpacked(*packed));
  const auto theirs = GgufFile::open(golden.temp.path("theirs.gguf"));
  const auto ours = written_as_file(golden);
  ASSERT_TRUE(theirs && ours);
  for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.pre"}) {
    EXPECT_EQ(ours->text(key).value(), theirs->text(key).value()) << key;
  }
  expect_same_array<std::string_view>(*ours, *theirs, "tokenizer.ggml.tokens");
  expect_same_array<std::string_view>(*ours, *theirs, "tokenizer.ggml.merges");
  expect_same_array<std::int64_t>(*ours, *theirs, "tokenizer.ggml.token_type");
}

TEST(ExportVocabulary, OfLlama2GivesTheSameTokenizerBack) {
  const auto packed = shared_file("golden/tokenizer/llama2-vocab.gguf.gz");
  Golden golden;
  read_golden(golden, "llama2", 32000);
  if (!packed || !golden.vocabulary) GTEST_SKIP();
  write_all(golden.temp.path("theirs.gguf"), unpacked(*packed));
  const auto theirs = GgufFile::open(golden.temp.path("theirs.gguf"));
  const auto ours = written_as_file(golden);
  ASSERT_TRUE(theirs && ours);
  EXPECT_EQ(ours->text("tokenizer.ggml.model").value(), "llama");
  expect_same_array<std::string_view>(*ours, *theirs, "tokenizer.ggml.tokens");
  expect_same_array<std::int64_t>(*ours, *theirs, "tokenizer.ggml.token_type");
  // Theirs come from the original file; of ours the order counts, which merges show in full.
  auto made = tokenizer_json_of(*theirs);
  auto again = tokenizer_json_of(*ours);
  ASSERT_TRUE(made && again);
  EXPECT_TRUE(json::parse(*made).at("model").at("merges") ==
              json::parse(*again).at("model").at("merges"));
}

TEST(ExportVocabulary, OfLlama3HasItsNameAndPadsUpToTheEmbeddings) {
  Golden golden;
  read_golden(golden, "llama3", 128320);
  if (!golden.vocabulary) GTEST_SKIP();
  EXPECT_EQ(golden.vocabulary->model, "gpt2");
  EXPECT_EQ(golden.vocabulary->pre, "llama-bpe");
  ASSERT_EQ(golden.vocabulary->tokens.size(), 128320U);
  EXPECT_EQ(golden.vocabulary->tokens[128000], "<|begin_of_text|>");
  EXPECT_EQ(golden.vocabulary->types[128000], 3);
  EXPECT_EQ(golden.vocabulary->tokens[128319], "[PAD128319]");
  EXPECT_EQ(golden.vocabulary->types[128319], 5);
}

// The vocabulary of a folder that has this tokenizer.json.
Result<Vocabulary> vocabulary_of(const json::value& tokenizer, std::int64_t vocab_size,
                                 const std::string& settings = "{}",
                                 std::vector<std::int64_t> ends = {}) {
  const TempFolder temp;
  write_all(temp.path("tokenizer.json"), json::serialize(tokenizer));
  write_all(temp.path("tokenizer_config.json"), settings);
  LlamaConfig config;
  config.vocab_size = vocab_size;
  config.eos_token_ids = std::move(ends);
  return read_vocabulary(temp.path(), config);
}

std::string vocabulary_error(const json::value& tokenizer, std::int64_t vocab_size) {
  const auto made = vocabulary_of(tokenizer, vocab_size);
  return made ? "accepted" : made.error().message;
}

TEST(ExportVocabulary, RefusesWhatLlamaCppWouldCutOtherwise) {
  json::value tokenizer = json::parse(tiny_tokenizer());
  EXPECT_EQ(vocabulary_error(tokenizer, 98), "accepted");
  EXPECT_NE(vocabulary_error(tokenizer, 97).find("'vocab_size' of 97"), std::string::npos);
  tokenizer.at("model").as_object()["ignore_merges"] = true;  // GPT-2's pattern never has it there
  EXPECT_NE(vocabulary_error(tokenizer, 98).find("ignore_merges is true"), std::string::npos);
}

TEST(ExportVocabulary, KnowsTheTokensThatBeginAndEnd) {
  json::value tokenizer = json::parse(tiny_tokenizer());
  auto& added = tokenizer.at("added_tokens").as_array();
  added.push_back(json::object{{"id", 98}, {"content", "<|eom_id|>"}, {"special", true}});
  added.push_back(json::object{{"id", 99}, {"content", "stop"}, {"special", false}});
  const auto vocabulary = vocabulary_of(
      tokenizer, 100,
      R"({"bos_token": {"content": "<|im_start|>"}, "eos_token": "!", "add_bos_token": true})",
      {0, 97, 98, 99});
  ASSERT_TRUE(vocabulary) << vocabulary.error().message;
  EXPECT_EQ(vocabulary->bos, 96);
  EXPECT_EQ(vocabulary->eos, 0);
  EXPECT_EQ(vocabulary->eot, 97);
  EXPECT_EQ(vocabulary->eom, 98);
  EXPECT_TRUE(vocabulary->add_bos);
  ASSERT_EQ(vocabulary->notes.size(), 1U);
  EXPECT_NE(vocabulary->notes[0].find("'stop'"), std::string::npos);
  EXPECT_EQ(vocabulary->types[99], 4);
  // Without a setting, what the file's own post-processor does counts.
  tokenizer.as_object()["post_processor"] = json::parse(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}]})");
  const auto by_file = vocabulary_of(tokenizer, 100, R"({"bos_token": "<|im_start|>"})");
  ASSERT_TRUE(by_file) << by_file.error().message;
  EXPECT_TRUE(by_file->add_bos);
}

}  // namespace
}  // namespace hone::engine
