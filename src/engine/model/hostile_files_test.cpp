// Files of tensors that somebody made to harm: each is refused with an error that names the file,
// what in it, and where.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/file.h"
#include "engine/model/error_test_support.h"
#include "engine/model/gguf.h"
#include "engine/model/gguf_test_support.h"
#include "engine/model/import.h"
#include "engine/model/import_tokenizer.h"
#include "engine/model/mapped_file.h"
#include "engine/model/safetensors.h"
#include "engine/model/test_support.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {
namespace {

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  engine::expect_words(message, words, 1000);
}

std::string with_header(const std::string& header, const std::string& data = "") {
  std::string bytes(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

std::string parse_error(const std::string& bytes) {
  return error_of(SafetensorsFile::parse(bytes, "x.safetensors"));
}

TEST(HostileSafetensors, IsRefusedByFileTensorAndBytes) {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return with_header("{" + entry("a", dtype, shape, offsets) + "}", "1234");
  };
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {with_header(std::string(8, ' ')).substr(0, 12), {"8 bytes", "12", "cut short"}},
      {std::string(7, '\xff') + '\x7f' + "{}", {"100 MB"}},
      {one("F32", "[1]", "[0,400]"), {"'a'", "data_offsets [0, 400]", "has 4 bytes"}},
      {one("F32", "[1]", "[4,0]"), {"'a'", "data_offsets [4, 0]"}},
      {one("F32", "[1]", "[-4,0]"), {"'a'", "data_offsets [-4, 0]"}},
      {one("F32", "[1]", "[0]"), {"'a'", "data_offsets"}},
      {one("F32", "[1]", "[0,9223372036854775808]"), {"'a'", "data_offsets"}},
      {one("F32", "[-1]", "[0,4]"), {"'a'", "shape"}},
      {one("F32", "[4294967296,4294967296]", "[0,4]"), {"'a'", "shape", "overflows"}},
      {one("F32", "[0,4611686018427387904,4611686018427387904]", "[0,0]"), {"'a'", "overflows"}},
      {one("F32", "[18446744073709551615]", "[0,4]"), {"'a'", "shape"}},
      {one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), {"'a'", "8 dimensions"}},
      {one("F32", "[2]", "[0,4]"), {"'a'", "span 4 bytes", "needs 8"}},
      {one("F31", "[1]", "[0,4]"), {"'a'", "'F31'"}},
      {with_header(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"), {"'a'", "'data_offsets'"}},
      {with_header(R"({"a":7})"), {"'a'", "object", "a number"}},
      {with_header(R"({"__metadata__":{"k":1}})"), {"__metadata__", "'k'", "a string"}},
      {with_header(
           "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[1,3]") + "}",
           "123"),
       {"'b'", "begin at 1", "overlap"}},
      {with_header(
           "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[3,5]") + "}",
           "12345"),
       {"'b'", "begin at 3", "hole"}},
      {with_header("{" + entry("a", "U8", "[4]", "[0,4]") + "}", "12345"), {"1 bytes after"}},
      {with_header(
           "{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("a", "U8", "[1]", "[0,1]") + "}",
           "1"),
       {"'a' twice", "byte 61"}},
      {with_header(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", "1"),
       {"twice"}},
      {with_header(R"({"a":)" + std::string(60, '[') + std::string(60, ']') + "}"), {"nested"}},
  };
  for (const auto& [bytes, words] : cases) {
    const std::string message = parse_error(bytes);
    expect_words(message, words);
    EXPECT_TRUE(message.starts_with("x.safetensors: ")) << message;
  }
  EXPECT_EQ(parse_error(one("F32", "[1]", "[0,4]")), "accepted");
  EXPECT_EQ(parse_error(with_header("{" + entry("a", "F32", "[0,9]", "[0,0]") + "}")), "accepted");
}

TEST(HostileSafetensors, ShowsNamesWithoutWhatHarmsATerminal) {
  const std::string escape =
      parse_error(with_header("{" + entry("\\u001b[31m\\n", "U8", "[1]", "[0,9]") + "}"));
  EXPECT_EQ(escape.find('\x1b'), std::string::npos) << escape;
  EXPECT_EQ(escape.find('\n'), std::string::npos) << escape;
  expect_words(escape, {"'?[31m?'"});
  expect_words(
      parse_error(with_header("{" + entry(std::string(1 << 20, 'n'), "U8", "[1]", "[0,9]") + "}")),
      {"nnnn…'"});
}

TEST(HostileSafetensors, OfManyEntriesIsReadInReasonableTime) {
  std::string header = "{";
  constexpr int kEntries = 100'000;
  for (int i = 0; i < kEntries; ++i) {
    if (i > 0) header += ",";
    header += entry("t" + std::to_string(i), "U8", "[1]",
                    "[" + std::to_string(i) + "," + std::to_string(i + 1) + "]");
  }
  const auto file =
      SafetensorsFile::parse(with_header(header + "}", std::string(kEntries, 'x')), "many");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), static_cast<std::size_t>(kEntries));
}

TEST(HostileShards, LieInTheFolderAndHoldWhatTheIndexSays) {
  const TempFolder folder;
  std::filesystem::create_directories(folder.path("model"));
  const auto in_model = [&](const std::string& name) { return folder.path("model/" + name); };
  ASSERT_TRUE(write_safetensors(in_model("one.safetensors"), {{"a", DType::kU8, {1}, "1"}}));
  ASSERT_TRUE(write_safetensors(in_model("two.safetensors"), {{"a", DType::kU8, {1}, "2"}}));
  ASSERT_TRUE(write_safetensors(folder.path("out.safetensors"), {{"b", DType::kU8, {1}, "3"}}));
  const auto message = [&](const std::string& weight_map) {
    write_all(in_model("model.safetensors.index.json"), R"({"weight_map": )" + weight_map + "}");
    return error_of(Checkpoint::open(folder.path("model")));
  };
  for (const char* name : {"../../etc/passwd", "/etc/passwd", "../out.safetensors", "..", ".", "",
                           "one.safetensors\\u0000"}) {
    expect_words(message(R"({"a": ")" + std::string(name) + "\"}"),
                 {"model.safetensors.index.json", "weight_map", "'a'", "not the name of a file"});
  }
  expect_words(message(R"({"a": 7})"), {"index.json", "weight_map"});
  expect_words(message("7"), {"index.json", "weight_map"});
  expect_words(message(R"({"a": "three.safetensors"})"), {"three.safetensors"});
  expect_words(message(R"({"b": "one.safetensors"})"), {"one.safetensors", "'b'", "missing"});
  expect_words(message(R"({"a": "one.safetensors", "c": "one.safetensors"})"), {"'c'"});
  std::filesystem::create_symlink(in_model("two.safetensors"), in_model("link.safetensors"));
  EXPECT_EQ(message(R"({"a": "link.safetensors"})"),
            "accepted");  // how the hub's cache is laid out
  std::filesystem::copy_file(folder.path("out.safetensors"), in_model("out.safetensors"));
  EXPECT_EQ(message(R"({"a": "one.safetensors", "b": "out.safetensors"})"), "accepted");
  ASSERT_TRUE(write_safetensors(in_model("out.safetensors"),
                                {{"b", DType::kU8, {1}, "3"}, {"a", DType::kU8, {1}, "4"}}));
  expect_words(message(R"({"a": "one.safetensors", "b": "out.safetensors"})"),
               {"out.safetensors", "'a'", "one.safetensors too"});
}

TEST(MappedFile, GivesZerosForWhatWasCutAndTells) {
  const TempFolder folder;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  write_all(folder.path("x"), std::string(3 * page, 'x'));
  const auto mapped = map_file(folder.path("x"));
  ASSERT_TRUE(mapped) << mapped.error().message;
  const auto other = map_file(folder.path("x"));
  ASSERT_TRUE(other);
  EXPECT_TRUE(mapped->still_whole());
  std::filesystem::resize_file(folder.path("x"), page);
  const volatile char* bytes = mapped->bytes.data();
  const auto byte = [bytes](std::size_t at) -> char { return bytes[at]; };
  EXPECT_EQ(byte(0), 'x');
  EXPECT_EQ(byte(2 * page), '\0');  // would end the process
  EXPECT_EQ(byte(2 * page - 1), '\0');
  expect_words(error_of(mapped->still_whole()), {folder.path("x"), "cut"});
  EXPECT_FALSE(other->still_whole());
}

TEST(MappedFile, TellsOfAWriteAndOfACutInsideOfAPage) {
  const TempFolder folder;
  for (const std::size_t left : {100U, 50U}) {
    write_all(folder.path("x"), std::string(100, 'x'));
    const auto mapped = map_file(folder.path("x"));
    ASSERT_TRUE(mapped);
    std::filesystem::resize_file(folder.path("x"), left);
    std::filesystem::last_write_time(
        folder.path("x"),
        std::filesystem::last_write_time(folder.path("x")) + std::chrono::hours(1));
    expect_words(error_of(mapped->still_whole()), {folder.path("x"), "100"});
  }
  EXPECT_TRUE(in_memory("x").still_whole());
}

TEST(MappedFile, DoesNotWaitForAPipe) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo(folder.path("tokenizer.json").c_str(), 0600), 0);
  expect_words(error_of(map_file(folder.path("tokenizer.json"))), {"tokenizer.json", "not a file"});
  EXPECT_NE(error_of(Tokenizer::load(folder.path())), "accepted");
}

std::string gguf_error(const GgufBytes& bytes) {
  return error_of(GgufFile::parse(bytes.bytes(), "x.gguf"));
}

GgufBytes& key(GgufBytes& bytes, std::string_view name, std::uint32_t type) {
  return bytes.text(name).put(type);
}

TEST(HostileGguf, IsRefusedByFileKeyAndByte) {
  const auto valued = [](std::string_view name, std::uint32_t type) {
    GgufBytes bytes(0, 1);
    key(bytes, name, type);
    return bytes;
  };
  expect_words(gguf_error(GgufBytes(1ULL << 40, 0)), {"x.gguf", "1099511627776 tensors"});
  expect_words(gguf_error(GgufBytes(0, ~0ULL)), {"18446744073709551615 keys"});
  expect_words(gguf_error(GgufBytes(0, 1).put(~0ULL)), {"at byte 24", "cut short"});
  expect_words(gguf_error(valued("k", 8).put(1ULL << 62)), {"'k' at byte 24", "cut short"});
  expect_words(gguf_error(valued("k", 99).put(1ULL)), {"'k' at byte 24", "unknown type 99"});
  expect_words(gguf_error(valued("k", 10).put(~0ULL)), {"'k'", "out of range"});
  // Eight bytes an item, 2^61 of them: the product is zero.
  expect_words(gguf_error(valued("k", 9).put<std::uint32_t>(10).put(1ULL << 61)),
               {"'k'", "cut short"});
  expect_words(gguf_error(valued("k", 9).put<std::uint32_t>(9).put(1ULL).put(0ULL).put(0ULL)),
               {"'k'", "an array of type 9"});
  GgufBytes twice(0, 2);
  twice.text("k").put<std::uint32_t>(0).put<std::uint8_t>(1);
  twice.text("k").put<std::uint32_t>(0).put<std::uint8_t>(1);
  expect_words(gguf_error(twice), {"'k' at byte 38", "twice"});
  expect_words(gguf_error(valued("\xff\x1b[2J", 99).put(1ULL)), {"'\uFFFD?[2J'"});
}

TEST(HostileGguf, IsRefusedByTensorAndOffset) {
  const std::string data(64, 'x');
  const auto of = [&](std::vector<std::uint64_t> sizes, std::uint32_t type, std::uint64_t offset) {
    return gguf_error(GgufBytes(1, 0).tensor("w", std::move(sizes), type, offset).data(data));
  };
  EXPECT_EQ(of({4, 4}, 0, 0), "accepted");
  expect_words(of({4}, 0, 64), {"x.gguf: tensor 'w'", "16 bytes at 64", "has 64 bytes"});
  expect_words(of({4}, 0, ~31ULL), {"'w'", "outside"});
  expect_words(of({4}, 0, 3), {"'w'", "offset 3", "alignment 32"});
  expect_words(of({1ULL << 62, 8}, 0, 0), {"'w'", "overflows"});
  expect_words(of({0, 1ULL << 62, 1ULL << 62}, 0, 0), {"accepted"});  // nothing, whatever it is
  expect_words(of({1ULL << 63}, 0, 0), {"'w'", "overflows"});
  expect_words(of({1, 1, 1, 1, 1}, 0, 0), {"'w'", "byte 24", "4 dimensions"});
  // 33 x 32 values are whole blocks of 32, its rows are not.
  expect_words(of({33, 32}, 8, 0), {"'w'", "rows of 33", "blocks of 32", "type 8"});
  expect_words(gguf_error(GgufBytes(2, 0).tensor("v", {8}, 0, 0).tensor("w", {8}, 0, 0).data(data)),
               {"overlap", "'v'", "'w'"});
  for (const auto& [type, value] :
       {std::pair(4U, 0U), std::pair(4U, 1U << 20), std::pair(4U, 24U)}) {
    GgufBytes bytes(0, 1);
    key(bytes, "general.alignment", type).put(value);
    expect_words(gguf_error(bytes), {"general.alignment"});
  }
  GgufBytes text(0, 1);
  key(text, "general.alignment", 8).text("32");
  expect_words(gguf_error(text), {"general.alignment"});
}

TEST(HostileGguf, IsNotImportedAsWhatItIsNot) {
  const TempFolder folder;
  const auto message = [&](std::string_view name, std::uint32_t type, const std::string& value) {
    GgufBytes bytes(0, 2);
    key(bytes, "general.architecture", 8).text("llama");
    key(bytes, name, type);
    for (const char byte : value) bytes.put(byte);
    write_all(folder.path("x.gguf"), bytes.bytes());
    return error_of(
        import_gguf({.gguf_path = folder.path("x.gguf"), .folder = folder.path("model")}));
  };
  const std::string eight("\x08\0\0\0", 4);
  expect_words(message("llama.expert_count", 4, eight), {"x.gguf", "llama.expert_count"});
  expect_words(message("llama.attention.sliding_window", 4, eight), {"sliding_window"});
  expect_words(message("llama.attention.causal", 7, std::string(1, '\0')), {"causal"});
  expect_words(message("llama.expert_count", 4, std::string(4, '\0')), {"llama.block_count"});
}

// A tokenizer of two tokens, and room for `more` keys.
GgufBytes byte_level(std::uint64_t more) {
  GgufBytes bytes(0, 4 + more);
  key(bytes, "tokenizer.ggml.model", 8).text("gpt2");
  key(bytes, "tokenizer.ggml.pre", 8).text("smollm");
  key(bytes, "tokenizer.ggml.tokens", 9).put<std::uint32_t>(8).put(2ULL).text("a").text("b");
  key(bytes, "tokenizer.ggml.merges", 9).put<std::uint32_t>(8).put(0ULL);
  return bytes;
}

std::string tokenizer_error(const GgufBytes& bytes) {
  const auto file = GgufFile::parse(bytes.bytes(), "x.gguf");
  if (!file) return file.error().message;
  return error_of(tokenizer_json_of(*file)) + error_of(tokenizer_config_of(*file));
}

TEST(HostileGguf, HasATokenizerThatLoadsOrNone) {
  EXPECT_EQ(tokenizer_error(byte_level(0)), "acceptedaccepted");
  GgufBytes types = byte_level(1);
  key(types, "tokenizer.ggml.token_type", 9).put<std::uint32_t>(5).put(1ULL).put<std::int32_t>(3);
  expect_words(tokenizer_error(types), {"tokenizer.ggml.token_type"});
  GgufBytes chat = byte_level(1);
  key(chat, "tokenizer.chat_template", 8).text("\xff");
  expect_words(tokenizer_error(chat), {"tokenizer.chat_template", "UTF-8"});
  GgufBytes end = byte_level(1);
  key(end, "tokenizer.ggml.eos_token_id", 8).text("2");
  expect_words(tokenizer_error(end), {"tokenizer.ggml.eos_token_id"});
  GgufBytes merge(0, 4);
  key(merge, "tokenizer.ggml.model", 8).text("gpt2");
  key(merge, "tokenizer.ggml.pre", 8).text("smollm");
  key(merge, "tokenizer.ggml.tokens", 9).put<std::uint32_t>(8).put(1ULL).text("a");
  key(merge, "tokenizer.ggml.merges", 9).put<std::uint32_t>(8).put(1ULL).text("a a");
  expect_words(tokenizer_error(merge), {"merge 0", "'a'"});
  GgufBytes number(0, 1);
  key(number, "f", 6).put(std::numeric_limits<float>::quiet_NaN());
  const auto file = GgufFile::parse(number.bytes(), "x.gguf");
  ASSERT_TRUE(file);
  expect_words(error_of(file->number("f")), {"'f'", "no number"});
}

}  // namespace
}  // namespace hone::engine
