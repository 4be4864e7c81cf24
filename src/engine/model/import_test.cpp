#include "engine/model/import.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/hash.h"
#include "base/json.h"
#include "engine/model/chat.h"
#include "engine/model/config.h"
#include "engine/model/gguf.h"
#include "engine/model/gguf_test_support.h"
#include "engine/model/half.h"
#include "engine/model/import_tokenizer.h"
#include "engine/model/safetensors.h"
#include "engine/model/test_support.h"

namespace hone::engine {
namespace {

std::string open_error(const std::string& bytes) {
  const auto file = open_bytes(bytes);
  return file ? "accepted" : file.error().message;
}

TEST(Gguf, ReadsValuesAndTensors) {
  GgufBytes bytes(2, 3);
  bytes.text("a").put<std::uint32_t>(4).put<std::uint32_t>(7);
  bytes.text("b").put<std::uint32_t>(8).text("text");
  bytes.text("c").put<std::uint32_t>(9).put<std::uint32_t>(6).put<std::uint64_t>(2).put(1.5F).put(
      2.5F);
  bytes.tensor("x", {2, 1}, 0, 0).tensor("y", {2}, 1, 32);
  const float values[2] = {1.0F, -2.0F};
  std::string data(reinterpret_cast<const char*>(values), 8);
  data.resize(32, '\0');
  bytes.data(data + std::string("\x00\x3C\x00\xC0", 4));
  const auto file = open_bytes(bytes.bytes());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->integer("a").value(), 7);
  EXPECT_EQ(file->text("b").value(), "text");
  EXPECT_EQ(*file->find_as<std::vector<double>>("c"), (std::vector<double>{1.5, 2.5}));
  EXPECT_FALSE(file->integer("b"));
  EXPECT_EQ(file->find_tensor("x")->shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(dequantise(*file->find_tensor("x")).value(), (std::vector<float>{1, -2}));
  EXPECT_EQ(dequantise(*file->find_tensor("y")).value(), (std::vector<float>{1, -2}));
}

TEST(Gguf, RefusesHostileFiles) {
  EXPECT_NE(open_error(""), "accepted");
  EXPECT_NE(open_error("GGUF"), "accepted");
  EXPECT_NE(open_error(GgufBytes(0, 0, 9).bytes()).find("version 9"), std::string::npos);
  EXPECT_NE(open_error(GgufBytes(0, ~0ULL).bytes()), "accepted");
  EXPECT_NE(open_error(GgufBytes(~0ULL, 0).bytes()), "accepted");
  EXPECT_NE(open_error(GgufBytes(0, 1).put<std::uint64_t>(~0ULL).bytes()), "accepted");
  EXPECT_NE(open_error(GgufBytes(0, 1).text("a").put<std::uint32_t>(99).bytes()), "accepted");
  EXPECT_NE(
      open_error(
          GgufBytes(0, 1).text("a").put<std::uint32_t>(9).put<std::uint32_t>(4).put(~0ULL).bytes()),
      "accepted");
  EXPECT_NE(
      open_error(
          GgufBytes(0, 1).text("a").put<std::uint32_t>(9).put<std::uint32_t>(9).put(1ULL).bytes()),
      "accepted");  // arrays of arrays
  EXPECT_NE(open_error(GgufBytes(1, 0).tensor("x", {1, 1, 1, 1, 1}, 0, 0).bytes()), "accepted");
  EXPECT_NE(open_error(GgufBytes(1, 0).tensor("x", {1ULL << 62, 8}, 0, 0).data("").bytes()),
            "accepted");
  EXPECT_NE(
      open_error(GgufBytes(1, 0).tensor("x", {4}, 0, ~31ULL).data("0123456789abcdef").bytes()),
      "accepted");
  EXPECT_NE(open_error(GgufBytes(1, 0).tensor("x", {4}, 0, 0).data("0123456789abcde").bytes()),
            "accepted");
  EXPECT_EQ(open_error(GgufBytes(1, 0).tensor("x", {4}, 0, 0).data("0123456789abcdef").bytes()),
            "accepted");
  EXPECT_NE(
      open_error(GgufBytes(2, 0).tensor("x", {0}, 0, 0).tensor("x", {0}, 0, 0).data("").bytes()),
      "accepted");
  GgufBytes alignment(0, 1);
  alignment.text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(0);
  EXPECT_NE(open_error(alignment.bytes()), "accepted");
}

TEST(Gguf, EveryCutOfAFileIsAnErrorAndNoMore) {
  GgufBytes whole(1, 1);
  whole.text("k").put<std::uint32_t>(9).put<std::uint32_t>(8).put<std::uint64_t>(2).text("ab").text(
      "c");
  whole.tensor("x", {4}, 0, 0).data("0123456789abcdef");
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    EXPECT_NE(open_error(whole.bytes().substr(0, size)), "accepted") << size;
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_of_f16(0x3C00), 1.0F);
  EXPECT_EQ(float_of_f16(0x0001), 0x1p-24F);
  EXPECT_EQ(float_of_f16(0xFBFF), -65504.0F);
  EXPECT_EQ(float_of_bf16(bf16_of_float(1.0F)), 1.0F);
  EXPECT_EQ(bf16_of_float(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // a tie, to even
  EXPECT_EQ(bf16_of_float(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_EQ(bf16_of_float(std::bit_cast<float>(0x7F800001U)) & 0x7FFF, 0x7FC0);
}

void expect_rows_in_order(const Checkpoint& checkpoint, const json::value& tensors) {
  for (const auto& [gguf, hf] :
       {std::pair("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"),
        std::pair("blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight")}) {
    const TensorView* view = checkpoint.find(hf);
    ASSERT_NE(view, nullptr) << hf;
    EXPECT_EQ(hex(sha256(view->bytes)),
              json::value_to<std::string>(tensors.at(gguf).at("sha256_hf_order_f32le")));
  }
}

TEST(Import, MakesAModelFolderThatOurOwnPartsRead) {
  const auto path = base_gguf();
  const auto golden = shared_file("golden/smollm2/smollm2.json");
  if (!path || !golden) GTEST_SKIP();
  const TempFolder folder;
  const std::string model = folder.path("model");
  const auto done = import_gguf({.gguf_path = *path, .folder = model, .dtype = "f32"});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(std::filesystem::exists(model + ".part"));
  const json::value expected = json::parse(read_all(*golden));
  const auto config = read_config(model);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->num_key_value_heads, 3);
  EXPECT_TRUE(config->tie_word_embeddings);
  EXPECT_EQ(config->eos_token_ids, std::vector<std::int64_t>{2});
  const auto checkpoint = Checkpoint::open(model);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->files().front().tensors().size(), 272U);
  expect_rows_in_order(*checkpoint, expected.at("tensors"));
  const auto tokenizer = Tokenizer::load(model);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto chat = Chat::load(model, *tokenizer);
  ASSERT_TRUE(chat) << chat.error().message;
  for (const json::value& prompt : expected.at("prompts").as_array()) {
    const auto user = json::value_to<std::string>(prompt.at("user"));
    EXPECT_EQ(chat->encode({{"user", user}}, {.add_generation_prompt = true}).ids,
              json::value_to<std::vector<std::int64_t>>(prompt.at("ids")));
  }
  const auto again = import_gguf({.gguf_path = *path, .folder = model});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

TEST(Import, GivesTheReferenceTokenizer) {
  const auto path = base_gguf();
  const auto rows = shared_file("golden/tokenizer/smollm2.jsonl");
  if (!path || !rows) GTEST_SKIP();
  const auto file = GgufFile::open(*path);
  ASSERT_TRUE(file) << file.error().message;
  const auto text_of_file = tokenizer_json_of(*file);
  ASSERT_TRUE(text_of_file) << text_of_file.error().message;
  const auto tokenizer = Tokenizer::parse(*text_of_file, "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::ifstream lines(*rows);
  for (std::string line; std::getline(lines, line);) {
    const auto row = json::parse(line).as_object();
    const auto text = json::value_to<std::string>(row.at("text"));
    EXPECT_EQ(tokenizer->encode(text, Specials::kText),
              json::value_to<std::vector<std::int64_t>>(row.at("ids")))
        << text;
  }
}

TEST(Import, GivesTheReferenceSentencePieceTokenizer) {
  const auto packed = shared_file("golden/tokenizer/llama2-vocab.gguf.gz");
  const auto golden = shared_file("golden/tokenizer/llama2.tokenizer.json.gz");
  if (!packed || !golden) GTEST_SKIP();
  const auto file = open_bytes(unpacked(*packed));
  ASSERT_TRUE(file) << file.error().message;
  const auto text_of_file = tokenizer_json_of(*file);
  ASSERT_TRUE(text_of_file) << text_of_file.error().message;
  const json::value made = json::parse(*text_of_file);
  const json::value expected = json::parse(unpacked(*golden));
  for (const char* part : {"added_tokens", "normalizer", "pre_tokenizer", "decoder"}) {
    EXPECT_TRUE(made.at(part) == expected.at(part)) << part;
  }
  EXPECT_TRUE(made.at("model") == expected.at("model"));  // every token, every merge
}

// A vocabulary of llama.cpp's "llama": 256 byte tokens, and a few more.
class SentencePieceGguf {
 public:
  explicit SentencePieceGguf(std::uint64_t values) : bytes_(0, values) {
    bytes_.text("tokenizer.ggml.model").put<std::uint32_t>(8).text("llama");
  }
  SentencePieceGguf& tokens(const std::vector<std::string>& tokens) {
    array("tokenizer.ggml.tokens", 8, tokens.size());
    for (const std::string& token : tokens) bytes_.text(token);
    return *this;
  }
  SentencePieceGguf& types(const std::vector<std::int32_t>& types) {
    array("tokenizer.ggml.token_type", 5, types.size());
    for (const std::int32_t type : types) bytes_.put(type);
    return *this;
  }
  SentencePieceGguf& scores(const std::vector<float>& scores) {
    array("tokenizer.ggml.scores", 6, scores.size());
    for (const float score : scores) bytes_.put(score);
    return *this;
  }
  SentencePieceGguf& merges(const std::vector<std::string>& merges) {
    array("tokenizer.ggml.merges", 8, merges.size());
    for (const std::string& merge : merges) bytes_.text(merge);
    return *this;
  }
  SentencePieceGguf& truth(std::string_view key, bool value) {
    bytes_.text(key).put<std::uint32_t>(7).put<std::uint8_t>(value ? 1 : 0);
    return *this;
  }
  [[nodiscard]] Result<std::string> convert() const {
    const auto file = open_bytes(bytes_.bytes());
    if (!file) return fail(file.error());
    return tokenizer_json_of(*file);
  }
  [[nodiscard]] std::string error() const {
    const auto made = convert();
    return made ? "accepted" : made.error().message;
  }

 private:
  void array(std::string_view key, std::uint32_t type, std::size_t count) {
    bytes_.text(key).put<std::uint32_t>(9).put(type).put<std::uint64_t>(count);
  }
  GgufBytes bytes_;
};

std::vector<std::string> byte_tokens_and(const std::vector<std::string>& more) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string digits = hex({reinterpret_cast<const char*>(&byte), 1});
    tokens.push_back("<0x" + digits + ">");
    for (char& letter : tokens.back()) {
      if (letter >= 'a' && letter <= 'f') letter = static_cast<char>(letter - 'a' + 'A');
    }
  }
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

TEST(Import, TakesMergesAndTheSpacePrefixOfASentencePieceFile) {
  const auto tokens = byte_tokens_and({"\u2581", "a", "aa", "\u2581a"});
  std::vector<std::int32_t> types(256, 6);
  types.insert(types.end(), {1, 1, 1, 1});
  std::vector<float> scores(256, 0);
  scores.insert(scores.end(), {-1, -2, -3, -4});
  const auto ids = [](const Result<std::string>& made) {
    if (!made) ADD_FAILURE() << made.error().message;
    const auto tokenizer = Tokenizer::parse(made.value_or("{}"), "t");
    return tokenizer ? tokenizer->encode("aa", Specials::kText) : std::vector<std::int64_t>();
  };
  using Ids = std::vector<std::int64_t>;
  const auto plain = SentencePieceGguf(4).tokens(tokens).types(types).scores(scores).convert();
  EXPECT_EQ(ids(plain), (Ids{256, 258}));  // "aa" has the higher score
  const auto merged = SentencePieceGguf(5)
                          .tokens(tokens)
                          .types(types)
                          .scores(scores)
                          .merges({"\u2581 a"})
                          .convert();
  EXPECT_EQ(ids(merged), (Ids{259, 257}));
  const auto bare = SentencePieceGguf(5)
                        .tokens(tokens)
                        .types(types)
                        .scores(scores)
                        .truth("tokenizer.ggml.add_space_prefix", false)
                        .convert();
  EXPECT_EQ(ids(bare), (Ids{258}));
  const auto removes = SentencePieceGguf(5)
                           .tokens(tokens)
                           .types(types)
                           .scores(scores)
                           .truth("tokenizer.ggml.remove_extra_whitespaces", true)
                           .error();
  EXPECT_NE(removes.find("remove_extra_whitespaces"), std::string::npos);
}

TEST(Import, NamesWhatASentencePieceFileLacks) {
  EXPECT_NE(SentencePieceGguf(1).error().find("tokenizer.ggml.tokens"), std::string::npos);
  EXPECT_NE(SentencePieceGguf(2).tokens({"a"}).error().find("token_type"), std::string::npos);
  EXPECT_NE(SentencePieceGguf(3).tokens({"a"}).types({1, 1}).error().find("token_type"),
            std::string::npos);
  EXPECT_NE(SentencePieceGguf(3).tokens({"a"}).types({1}).error().find("tokenizer.ggml.scores"),
            std::string::npos);
  EXPECT_NE(SentencePieceGguf(4).tokens({"a"}).types({1}).scores({0}).error().find("<0x00>"),
            std::string::npos);
  EXPECT_NE(SentencePieceGguf(4)
                .tokens({"a", "a"})
                .types({1, 1})
                .scores({0, 0})
                .error()
                .find("token 1 comes twice"),
            std::string::npos);
  EXPECT_NE(SentencePieceGguf(4).tokens({"\xFF"}).types({3}).scores({0}).error().find("UTF-8"),
            std::string::npos);
}

TEST(Import, LeavesNothingBehindWhenItFails) {
  const TempFolder folder;
  GgufBytes bytes(0, 1);
  bytes.text("general.architecture").put<std::uint32_t>(8).text("gemma");
  write_all(folder.path("x.gguf"), bytes.bytes());
  const auto done =
      import_gguf({.gguf_path = folder.path("x.gguf"), .folder = folder.path("model")});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("gemma"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path("model")));
  EXPECT_FALSE(std::filesystem::exists(folder.path("model.part")));
}

}  // namespace
}  // namespace hone::engine
