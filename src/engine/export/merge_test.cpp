// Merging, and adapters as GGUF files: what they do to a model's weights.
#include "engine/export/merge.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <set>

#include "base/json.h"
#include "engine/export/export_gguf.h"
#include "engine/export/export_test_support.h"
#include "engine/export/merged_model.h"
#include "engine/model/gguf.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"
#include "engine/model/safetensors.h"

namespace hone::engine {
namespace {

// Every weight of two models, bit for bit.
void expect_same_weights(const LlamaWeights& got, const LlamaWeights& want) {
  const auto ours = named_tensors(got);
  const auto theirs = named_tensors(want);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_TRUE(at::equal(ours[i].tensor, theirs[i].tensor)) << ours[i].name;
  }
}

LlamaWeights loaded(const std::string& folder, at::ScalarType type) {
  auto weights = load_llama(folder, type);
  if (!weights) ADD_FAILURE() << weights.error().message;
  return weights ? std::move(*weights) : LlamaWeights();
}

// A model in `dtype`, one adapter on it, and both merged in `merged`.
LoraAdapter write_merged(const TempFolder& temp, at::ScalarType dtype) {
  write_small_model(temp.path("model"), small_config(), dtype);
  LoraAdapter adapter =
      write_small_adapter(temp.path("adapter"), temp.path("model"), {.r = 4, .alpha = 8}, 3);
  const auto done = merge_model({.model = temp.path("model"),
                                 .adapters = {temp.path("adapter")},
                                 .folder = temp.path("merged"),
                                 .dtype = {}});
  EXPECT_TRUE(done) << error_of(done);
  return adapter;
}

TEST(MergePitfall, MergesInFp32AndCastsOnce) {
  const TempFolder temp;
  const LoraAdapter adapter = write_merged(temp, at::kBFloat16);
  LlamaWeights want = loaded(temp.path("model"), at::kFloat);
  merge_lora(want, adapter);  // in fp32
  const LlamaWeights got = loaded(temp.path("merged"), at::kBFloat16);
  const LlamaWeights plain = loaded(temp.path("model"), at::kBFloat16);
  for (const Projection which : kProjections) {
    const at::Tensor exact = projection(want.layers[1], want.config, which).weight;
    const at::Tensor once = projection(got.layers[1], got.config, which).weight;
    EXPECT_TRUE(at::equal(once, exact.to(at::kBFloat16))) << name(which);
    // What bf16 arithmetic gives is another thing, and farther away.
    const LoraPair& pair = adapter.layers[1][static_cast<std::size_t>(which)];
    const at::Tensor change =
        at::matmul(pair.b.to(at::kBFloat16), pair.a.to(at::kBFloat16)) * adapter.config.scale();
    const at::Tensor coarse = projection(plain.layers[1], plain.config, which).weight + change;
    EXPECT_GT((coarse.to(at::kFloat) - exact).norm().item<double>(),
              (once.to(at::kFloat) - exact).norm().item<double>())
        << name(which);
  }
}

TEST(Merge, GivesTheWeightsThatTheTrainerMerges) {
  const TempFolder temp;
  const LoraAdapter adapter = write_merged(temp, at::kFloat);
  LlamaWeights want = loaded(temp.path("model"), at::kFloat);
  merge_lora(want, adapter);
  expect_same_weights(loaded(temp.path("merged"), at::kFloat), want);
}

TEST(Merge, SeveralAdaptersAddUpInAnyOrder) {
  const TempFolder temp;
  const LoraAdapter first = write_merged(temp, at::kFloat);
  const LoraAdapter second = write_small_adapter(
      temp.path("second"), temp.path("model"),
      {.r = 2, .alpha = 16, .rs = true, .targets = {Projection::kQ, Projection::kDown}}, 5);
  LlamaWeights want = loaded(temp.path("model"), at::kFloat);
  merge_lora(want, first);
  merge_lora(want, second);
  for (const auto& order : {std::pair("adapter", "second"), std::pair("second", "adapter")}) {
    const auto done = merge_model({.model = temp.path("model"),
                                   .adapters = {temp.path(order.first), temp.path(order.second)},
                                   .folder = temp.path("both"),
                                   .dtype = "fp32",
                                   .replace = true});
    ASSERT_TRUE(done) << done.error().message;
    const auto got = named_tensors(loaded(temp.path("both"), at::kFloat));
    const auto expected = named_tensors(want);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(at::allclose(got[i].tensor, expected[i].tensor, 1e-6, 1e-6)) << got[i].name;
    }
  }
}

TEST(Merge, MakesAWholeFolder) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kBFloat16);
  json::object config = json::parse(read_all(temp.path("model/config.json"))).as_object();
  config["transformers_version"] = "4.57.0";
  config["dtype"] = "bfloat16";
  write_all(temp.path("model/config.json"), json::serialize(config));
  write_all(temp.path("model/generation_config.json"), R"({"temperature": 0.6})");
  write_all(temp.path("model/chat_template.jinja"), "{{ messages }}");
  write_all(temp.path("model/LICENSE"), "terms");
  write_all(temp.path("model/notes.txt"), "mine");
  write_small_adapter(temp.path("adapter"), temp.path("model"), {.r = 4, .alpha = 8}, 3);
  const auto done = merge_model({.model = temp.path("model"),
                                 .adapters = {temp.path("adapter")},
                                 .folder = temp.path("merged/"),
                                 .dtype = "fp16"});
  ASSERT_TRUE(done) << done.error().message;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json",
                           "chat_template.jinja", "LICENSE"}) {
    EXPECT_EQ(read_all(temp.path("merged/") + name), read_all(temp.path("model/") + name)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(temp.path("merged/notes.txt")));
  EXPECT_FALSE(std::filesystem::exists(temp.path("merged.part")));
  json::object merged = json::parse(read_all(temp.path("merged/config.json"))).as_object();
  EXPECT_EQ(json::value_to<std::string>(merged["dtype"]), "float16");
  EXPECT_EQ(json::value_to<std::string>(merged["torch_dtype"]), "float16");
  merged["dtype"] = merged["torch_dtype"] = "bfloat16";
  EXPECT_TRUE(json::value(merged) == json::value(config));
  const auto file = SafetensorsFile::open(temp.path("merged/model.safetensors"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata().at("format"), "pt");
  for (const TensorView& view : file->tensors()) EXPECT_EQ(view.dtype, DType::kF16) << view.name;
  EXPECT_EQ(file->find("lm_head.weight"), nullptr);  // tied
}

TEST(Merge, SplitsLargeWeightsWithAnIndex) {
  const TempFolder temp;
  const LoraAdapter adapter = write_merged(temp, at::kFloat);
  const auto done = merge_model({.model = temp.path("model"),
                                 .adapters = {temp.path("adapter")},
                                 .folder = temp.path("split"),
                                 .dtype = {},
                                 .max_file_bytes = 30'000});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(std::filesystem::exists(temp.path("split/model.safetensors")));
  const json::value index = json::parse(read_all(temp.path("split/model.safetensors.index.json")));
  std::set<std::string> files;
  for (const auto& member : index.at("weight_map").as_object()) {
    files.insert(json::value_to<std::string>(member.value()));
  }
  ASSERT_GT(files.size(), 2U);
  std::array<char, 64> first{};
  std::snprintf(first.data(), first.size(), "model-00001-of-%05zu.safetensors", files.size());
  EXPECT_TRUE(files.contains(first.data()));
  std::uint64_t total = 0;
  for (const std::string& file : files) {
    const auto shard = SafetensorsFile::open(temp.path("split/" + file));
    ASSERT_TRUE(shard) << shard.error().message;
    for (const TensorView& view : shard->tensors()) {
      EXPECT_EQ(index.at("weight_map").at(view.name), json::value(file));
      total += view.bytes.size();
    }
  }
  EXPECT_EQ(index.at("metadata").at("total_size").to_number<std::uint64_t>(), total);
  expect_same_weights(loaded(temp.path("split"), at::kFloat),
                      loaded(temp.path("merged"), at::kFloat));
}

TEST(Merge, KeepsAnExistingFolderAndLeavesNothingBehindWhenItFails) {
  const TempFolder temp;
  write_merged(temp, at::kFloat);
  MergeOptions options{.model = temp.path("model"),
                       .adapters = {temp.path("adapter")},
                       .folder = temp.path("merged"),
                       .dtype = "bf16"};
  const auto again = merge_model(options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  options.replace = true;
  EXPECT_EQ(error_of(merge_model(options)), "accepted");
  EXPECT_EQ(read_config(temp.path("merged"))->torch_dtype, "bfloat16");
  EXPECT_FALSE(std::filesystem::exists(temp.path("merged.old")));
  write_small_model(temp.path("large"), small_config(), at::kFloat, 1e4);
  options = {.model = temp.path("large"),
             .adapters = {temp.path("adapter")},
             .folder = temp.path("merged"),
             .dtype = "fp16",
             .replace = true};
  EXPECT_NE(error_of(merge_model(options)).find("fp16"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(temp.path("merged.part")));
  EXPECT_EQ(read_config(temp.path("merged"))->torch_dtype, "bfloat16");  // the old one stays
}

TEST(Merge, AnAdapterOfAnotherModelIsNamed) {
  const TempFolder temp;
  write_merged(temp, at::kFloat);
  LlamaConfig wide = small_config();
  wide.hidden_size = 96;
  write_small_model(temp.path("wide"), wide, at::kFloat);
  const std::string error = error_of(merge_model({.model = temp.path("wide"),
                                                  .adapters = {temp.path("adapter")},
                                                  .folder = temp.path("x"),
                                                  .dtype = {}}));
  EXPECT_NE(error.find("q_proj.lora_A"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(temp.path("x")));
}

// Alpha, and s B A of every module in llama.cpp's order of rows, equal to the merged model's
// change.
void expect_adapter(const TempFolder& temp, const std::string& model, const LoraConfig& lora) {
  write_small_adapter(temp.path("adapter"), model, lora, 3);
  const auto done = export_gguf_adapter({model, temp.path("adapter"), temp.path("a.gguf")});
  ASSERT_TRUE(done) << done.error().message;
  const auto file = GgufFile::open(temp.path("a.gguf"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text("general.architecture").value(), "llama");
  EXPECT_EQ(file->text("general.type").value(), "adapter");
  EXPECT_EQ(file->text("adapter.type").value(), "lora");
  const double scale = file->number("adapter.lora.alpha").value() / static_cast<double>(lora.r);
  EXPECT_NEAR(scale, lora.scale(), 1e-6 * lora.scale());
  const auto plain = MergedModel::open(model, {});
  const auto merged = MergedModel::open(model, {temp.path("adapter")});
  ASSERT_TRUE(plain && merged);
  std::size_t modules = 0;
  for (const ModelTensor& each : merged->tensors()) {
    const GgufTensor* a = file->find_tensor(each.gguf_name + ".lora_a");
    const GgufTensor* b = file->find_tensor(each.gguf_name + ".lora_b");
    if (a == nullptr || b == nullptr) continue;
    ++modules;
    const at::Tensor a_values =
        at::tensor(at::ArrayRef<float>(*dequantise(*a)), at::TensorOptions(at::kFloat))
            .view(a->shape);
    const at::Tensor b_values =
        at::tensor(at::ArrayRef<float>(*dequantise(*b)), at::TensorOptions(at::kFloat))
            .view(b->shape);
    at::Tensor change = *merged->tensor(each, at::kFloat) - *plain->tensor(each, at::kFloat);
    if (each.rotary_heads > 0) change = in_gguf_order(change, each.rotary_heads);
    const at::Tensor got = at::matmul(b_values, a_values) * scale;
    EXPECT_LE((got - change).abs().max().item<double>(), 1e-5) << each.name;
    EXPECT_GT(change.abs().max().item<double>(), 1e-3) << each.name;
  }
  EXPECT_EQ(modules, lora.targets.size() * 2);
  EXPECT_EQ(file->tensors().size(), modules * 2);
}

TEST(ExportAdapter, ChangesTheModelAsMergingDoes) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kFloat);
  expect_adapter(temp, temp.path("model"), {.r = 4, .alpha = 8});
  expect_adapter(temp, temp.path("model"),
                 {.r = 4, .alpha = 8, .rs = true, .targets = {Projection::kK, Projection::kDown}});
}

TEST(ExportAdapter, AnAlphaOfZeroIsRefusedBecauseLlamaCppTakesItForOne) {
  const TempFolder temp;
  write_small_model(temp.path("model"), small_config(), at::kFloat);
  write_small_adapter(temp.path("adapter"), temp.path("model"), {.r = 4, .alpha = 0}, 3);
  const std::string error = error_of(
      export_gguf_adapter({temp.path("model"), temp.path("adapter"), temp.path("a.gguf")}));
  EXPECT_NE(error.find("lora_alpha"), std::string::npos) << error;
}

}  // namespace
}  // namespace hone::engine
