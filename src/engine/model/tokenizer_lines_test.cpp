#include "engine/model/tokenizer_lines.h"

#include <gtest/gtest.h>

#include <sstream>

#include "engine/model/test_support.h"

namespace hone::engine {
namespace {

constexpr std::string_view kTiny = R"({"added_tokens": [
    {"id": 5, "content": "<|end|>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<": 3, "Ġ": 4}, "merges": ["a b"]}})";

class TokenizerLines : public ::testing::Test {
 protected:
  TokenizerLines() { write_all(folder_.path("tokenizer.json"), std::string(kTiny)); }

  // What is written; `error_` is the message, or empty.
  std::string answers(const std::string& lines, TokenizeOptions options = {}) {
    if (options.model.empty()) options.model = folder_.path();
    std::istringstream in(lines);
    std::ostringstream out;
    const auto done = tokenize_lines(in, out, options);
    error_ = done ? "" : done.error().message;
    return out.str();
  }

  TempFolder folder_;
  std::string error_;
};

TEST_F(TokenizerLines, AnswersEachLineInOrder) {
  EXPECT_EQ(answers("{\"text\": \"ab a\", \"id\": 7}\n\n  \n{\"text\": \"\"}\n{\"text\":\"b\"}"),
            "{\"ids\":[2,4,0]}\n{\"ids\":[]}\n{\"ids\":[1]}\n");
  EXPECT_EQ(error_, "");
  EXPECT_EQ(answers("{\"text\": \"b\"}\n", {.model = folder_.path("tokenizer.json")}),
            "{\"ids\":[1]}\n");
}

TEST_F(TokenizerLines, ParsesSpecialTokensWhenToldTo) {
  EXPECT_EQ(answers("{\"text\": \"a<|end|>\"}\n"), "{\"ids\":[0,3]}\n");
  EXPECT_EQ(answers("{\"text\": \"a<|end|>\"}\n", {.special = true}), "{\"ids\":[0,5]}\n");
}

TEST_F(TokenizerLines, Decodes) {
  EXPECT_EQ(answers("{\"ids\": [2, 4, 0, 5]}\n{\"ids\": []}\n", {.decode = true}),
            "{\"text\":\"ab a<|end|>\"}\n{\"text\":\"\"}\n");
  EXPECT_EQ(answers("{\"ids\": [2, 5]}\n", {.decode = true, .skip_special = true}),
            "{\"text\":\"ab\"}\n");
}

TEST_F(TokenizerLines, NamesTheBadLineAndAnswersThoseBefore) {
  EXPECT_EQ(answers("{\"text\": \"a\"}\n\n{\"txt\": \"a\"}\n{\"text\": \"b\"}\n"),
            "{\"ids\":[0]}\n");
  EXPECT_NE(error_.find("line 3"), std::string::npos) << error_;
  EXPECT_NE(error_.find("'text'"), std::string::npos) << error_;
  EXPECT_EQ(answers("{\"text\": \"a\"}\n{"), "{\"ids\":[0]}\n");
  EXPECT_NE(error_.find("line 2"), std::string::npos) << error_;
  EXPECT_EQ(answers("{\"ids\": [6]}\n", {.decode = true}), "");
  EXPECT_NE(error_.find("line 1: field 'ids': 6"), std::string::npos) << error_;
  EXPECT_EQ(answers("{\"ids\": [-1]}\n", {.decode = true}), "");
  EXPECT_NE(error_.find("-1"), std::string::npos) << error_;
  EXPECT_EQ(answers("{\"ids\": [\"a\"]}\n", {.decode = true}), "");
  EXPECT_NE(error_.find("whole number"), std::string::npos) << error_;
}

TEST_F(TokenizerLines, SaysWhichModelIsNotThere) {
  EXPECT_EQ(answers("{\"text\": \"a\"}\n", {.model = folder_.path("absent")}), "");
  EXPECT_NE(error_.find("absent/tokenizer.json"), std::string::npos) << error_;
}

}  // namespace
}  // namespace hone::engine
