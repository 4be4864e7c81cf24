#include "engine/model/tokenizer.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/model/pretokenizer.h"
#include "engine/model/test_support.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

// A vocabulary of a, b, ab, abb, a blank, and one special and one plain added token.
constexpr std::string_view kTiny = R"({"added_tokens": [
    {"id": 5, "content": "<|end|>", "special": true}, {"id": 6, "content": "abba", "special": false}],
  "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3, "Ġ": 4},
            "merges": ["a b", ["ab", "b"]]}})";

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kTiny);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Tokenizer, KeepsSpecialTextAsTextUnlessParsed) {
  const auto tokenizer = Tokenizer::parse(kTiny, "tiny");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(tokenizer->encode("abb a", Specials::kText), (Ids{3, 4, 0}));
  EXPECT_EQ(tokenizer->encode("b<|end|>a", Specials::kParse), (Ids{1, 5, 0}));
  EXPECT_EQ(tokenizer->encode("b<|end|>a", Specials::kText),
            (Ids{1, 0}));                                               // no tokens for "<|end|>"
  EXPECT_EQ(tokenizer->encode("babba", Specials::kText), (Ids{1, 6}));  // not special: always
  EXPECT_EQ(tokenizer->added_id("<|end|>"), 5);
  EXPECT_TRUE(tokenizer->is_special(5));
  EXPECT_FALSE(tokenizer->is_special(6));
  EXPECT_EQ(tokenizer->bytes(4), " ");
  EXPECT_EQ(tokenizer->bytes(-1), "");
  EXPECT_EQ(tokenizer->bytes(7), "");
}

TEST(Tokenizer, NamesTheConstructItDoesNotKnow) {
  const auto message = [](const std::string& text) {
    const auto tokenizer = Tokenizer::parse(text, "t");
    return tokenizer ? std::string("accepted") : tokenizer.error().message;
  };
  EXPECT_NE(message(replaced(R"("type": "BPE")", R"("type": "Unigram")")).find("Unigram"),
            std::string::npos);
  EXPECT_NE(message(replaced(R"("type": "BPE")", R"("type": "BPE", "byte_fallback": true)"))
                .find("Llama 2"),
            std::string::npos);
  EXPECT_NE(message(replaced(R"("normalizer": null)", R"("normalizer": {"type": "NFC"})"))
                .find("normalizer"),
            std::string::npos);
  EXPECT_NE(message(replaced(R"("type": "ByteLevel")", R"("type": "Metaspace")")).find("Metaspace"),
            std::string::npos);
  EXPECT_NE(message(replaced(R"("a b")", R"("a c")")).find("merge 0"), std::string::npos);
  EXPECT_NE(message(replaced(R"("Ġ": 4)", R"("Ġ": 3)")).find("id 3"), std::string::npos);
  EXPECT_NE(
      message(replaced(R"("type": "BPE")", R"("type": "BPE", "dropout": 0.1)")).find("dropout"),
      std::string::npos);
  EXPECT_NE(message(replaced("abba", std::string(2000, 'x'))).find("added_tokens"),
            std::string::npos);
  EXPECT_NE(message(replaced(R"("Ġ": 4)", R"("Ġ": -4)")), "accepted");
  EXPECT_NE(message(replaced(R"("Ġ": 4)", R"("Ġ": 99999999999)")), "accepted");
  EXPECT_NE(message("{"), "accepted");
  EXPECT_NE(message("{}"), "accepted");
}

TEST(Tokenizer, LoadsAFolderOrAFile) {
  const TempFolder folder;
  write_all(folder.path("tokenizer.json"), std::string(kTiny));
  write_all(folder.path("other.json"), std::string(kTiny));
  EXPECT_TRUE(Tokenizer::load(folder.path()));
  EXPECT_TRUE(Tokenizer::load(folder.path("other.json")));
  const auto absent = Tokenizer::load(folder.path("absent"));
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("tokenizer.json"), std::string::npos);
}

TEST(Tokenizer, TakesLongPiecesInReasonableTime) {
  const auto tokenizer = Tokenizer::parse(kTiny, "tiny");
  ASSERT_TRUE(tokenizer);
  const std::string text(1 << 20, 'b');
  EXPECT_EQ(tokenizer->encode(text, Specials::kText).size(), text.size());
}

TEST(Tokenizer, TakesTheLongestAddedTokenAmongMany) {
  auto root = json::parse(kTiny).as_object();
  json::array& added = root["added_tokens"].as_array();
  for (int i = 0; i < 100000; ++i) {
    added.push_back(json::object{{"id", 10 + i}, {"content", "aa" + std::to_string(i) + "b"}});
  }
  added.push_back(json::object{{"id", 7}, {"content", "aa"}});
  added.push_back(json::object{{"id", 8}, {"content", "aa99999bb"}});
  const auto tokenizer = Tokenizer::parse(json::serialize(root), "many");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(tokenizer->encode("aa5baa99999baa99999bbaa", Specials::kText), (Ids{15, 100009, 8, 7}));
  EXPECT_EQ(tokenizer->encode("aa5", Specials::kText), (Ids{7}));  // no token for "5"
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(tokenizer->encode(text, Specials::kText), Ids(1 << 19, 7));
}

TEST(Tokenizer, FindsNoAddedTokenThroughTheVocabulary) {
  auto root = json::parse(kTiny).as_object();
  root["model"].as_object()["ignore_merges"] = true;
  root["added_tokens"].as_array().push_back(
      json::object{{"id", 7}, {"content", "bbb"}, {"special", true}});
  const auto tokenizer = Tokenizer::parse(json::serialize(root), "t");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(tokenizer->encode("bbb", Specials::kText), (Ids{1, 1, 1}));
  EXPECT_EQ(tokenizer->encode("bbb", Specials::kParse), (Ids{7}));
}

TEST(Utf8, DelimitsIllFormedSequencesAsTheStandardSays) {
  EXPECT_EQ(replace_invalid_utf8("a\xF0\x9F\x98z"), "a\uFFFDz");
  EXPECT_EQ(replace_invalid_utf8("\xC0\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90"), "\uFFFD\uFFFD");
  EXPECT_TRUE(is_utf8("a\u2581\U0001F600"));
  EXPECT_FALSE(is_utf8("a\xE2\x96"));
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));
  EXPECT_EQ(incomplete_utf8_tail("a\xF0\x9F\x98"), 3U);
  EXPECT_EQ(incomplete_utf8_tail("a\xF0\x9F\x98\x80"), 0U);
  EXPECT_EQ(incomplete_utf8_tail("\xC3"), 1U);
  EXPECT_EQ(incomplete_utf8_tail("\x80\x80\x80\x80"), 0U);
}

TEST(Pretokenizer, LosesNothing) {
  const std::string text = " I'LL  pay 12345\u00a0\u20ac\r\n\n  ok\xFF\xC3 '\u017F x";
  for (const auto pattern : {SplitPattern::kGpt2, SplitPattern::kLlama3}) {
    for (const bool digits : {false, true}) {
      std::string together;
      for (const auto piece : split({pattern, digits}, text)) together += piece;
      EXPECT_EQ(together, text);
    }
  }
}

}  // namespace
}  // namespace hone::engine
