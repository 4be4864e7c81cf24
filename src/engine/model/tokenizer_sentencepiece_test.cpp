#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/model/chat.h"
#include "engine/model/test_support.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kFirstByte = 3;  // the id of "<0x00>"

std::int64_t byte_id(unsigned char byte) {
  return kFirstByte + byte;
}

json::value metaspace(std::string_view scheme, bool split = false) {
  return json::object{{"type", "Metaspace"},
                      {"replacement", "\u2581"},
                      {"prepend_scheme", scheme},
                      {"split", split}};
}

json::object added(std::int64_t id, std::string_view content, bool special, bool normalized) {
  return {{"id", id}, {"content", content}, {"special", special}, {"normalized", normalized}};
}

// Llama 2's layout around a vocabulary of the bytes and of seven more:
// _ 259, a 260, b 261, _a 262, ab 263, aa 264, __ 265 (_ is U+2581, merged with itself last).
json::object tiny() {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  json::object vocab{{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string token{'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
    vocab[token] = kFirstByte + static_cast<std::int64_t>(byte);
  }
  std::int64_t id = 259;
  for (const char* token : {"\u2581", "a", "b", "\u2581a", "ab", "aa", "\u2581\u2581"}) {
    vocab[token] = id++;
  }
  return json::parse(R"({"added_tokens": [
      {"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
      {"id": 2, "content": "</s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
      "merges": [["▁", "a"], ["a", "b"], ["a", "a"], ["▁", "▁"]], "vocab": )" +
                     json::serialize(vocab) + "}}")
      .as_object();
}

json::object tiny_with(std::string_view name, json::value value) {
  json::object root = tiny();
  root[name] = std::move(value);
  return root;
}

json::object tiny_with_metaspace(std::string_view scheme, bool split = false) {
  json::object root = tiny_with("normalizer", nullptr);
  root["pre_tokenizer"] = metaspace(scheme, split);
  return root;
}

Tokenizer made(const json::object& root) {
  auto tokenizer = Tokenizer::parse(json::serialize(root), "t");
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    std::abort();
  }
  return std::move(*tokenizer);
}

std::string error_of(const json::object& root) {
  const auto tokenizer = Tokenizer::parse(json::serialize(root), "t");
  return tokenizer ? "accepted" : tokenizer.error().message;
}

TEST(SentencePiece, PutsASpaceBeforeEveryStretchWhereTheFilePrepends) {
  const Tokenizer tokenizer = made(tiny());
  EXPECT_EQ(tokenizer.encode("", Specials::kText), Ids());
  EXPECT_EQ(tokenizer.encode("a", Specials::kText), (Ids{262}));
  EXPECT_EQ(tokenizer.encode(" a", Specials::kText), (Ids{259, 262}));
  EXPECT_EQ(tokenizer.encode("a</s>a", Specials::kParse), (Ids{262, 2, 262}));
  EXPECT_EQ(tokenizer.encode("</s>", Specials::kText),
            (Ids{259, byte_id('<'), byte_id('/'), byte_id('s'), byte_id('>')}));
  EXPECT_EQ(tokenizer.encode("a", Specials::kText, TextPlace::kAfterToken), (Ids{262}));
  EXPECT_EQ(tokenizer.encode("a", Specials::kText, TextPlace::kInText), (Ids{260}));
  EXPECT_EQ(tokenizer.encode("a</s>a", Specials::kParse, TextPlace::kInText), (Ids{260, 2, 262}));
}

TEST(SentencePiece, PutsASpaceWhereMetaspaceSaysIt) {
  const Tokenizer first = made(tiny_with_metaspace("first"));
  EXPECT_EQ(first.encode("a</s>a", Specials::kParse), (Ids{262, 2, 260}));
  EXPECT_EQ(first.encode("</s>a", Specials::kParse), (Ids{2, 260}));
  EXPECT_EQ(first.encode(" a", Specials::kText), (Ids{262}));
  EXPECT_EQ(first.encode("a", Specials::kText, TextPlace::kAfterToken), (Ids{260}));
  const Tokenizer always = made(tiny_with_metaspace("always"));
  EXPECT_EQ(always.encode("a</s>a", Specials::kParse), (Ids{262, 2, 262}));
  EXPECT_EQ(always.encode("</s> a", Specials::kParse), (Ids{2, 262}));
  const Tokenizer never = made(tiny_with_metaspace("never"));
  EXPECT_EQ(never.encode("a a", Specials::kText), (Ids{260, 262}));
  EXPECT_EQ(always.encode("a  ", Specials::kText), (Ids{262, 265}));
  const Tokenizer split = made(tiny_with_metaspace("always", true));
  EXPECT_EQ(split.encode("a  ", Specials::kText), (Ids{262, 259, 259}));
}

TEST(SentencePiece, SpellsUnknownCharactersByTheirBytes) {
  const Tokenizer tokenizer = made(tiny());
  EXPECT_EQ(tokenizer.encode("\u20AC", Specials::kText),
            (Ids{259, byte_id(0xE2), byte_id(0x82), byte_id(0xAC)}));
  EXPECT_EQ(tokenizer.encode("a\xFF", Specials::kText), (Ids{262, byte_id(0xFF)}));
  EXPECT_EQ(tokenizer.bytes(262), " a");
  EXPECT_EQ(tokenizer.bytes(byte_id('\n')), "\n");
  EXPECT_EQ(tokenizer.bytes(2), "</s>");
  EXPECT_EQ(tokenizer.bytes(266), "");
  EXPECT_EQ(tokenizer.vocab_size(), 266);
}

TEST(SentencePiece, DecodesByTheStepsOfTheFile) {
  const Tokenizer tokenizer = made(tiny());
  EXPECT_EQ(tokenizer.decode(Ids(), false), "");
  EXPECT_EQ(tokenizer.decode(Ids{262, 262}, false), "a a");
  EXPECT_EQ(tokenizer.decode(Ids{265, 262}, false), "  a");  // one of three spaces is left out
  EXPECT_EQ(tokenizer.decode(Ids{2, 262}, false), "</s> a");
  EXPECT_EQ(tokenizer.decode(Ids{2, 262}, true), "a");
  EXPECT_EQ(tokenizer.decode(Ids{262, -1, 9999}, false), "a");
  EXPECT_EQ(tokenizer.decode(Ids{byte_id(0xE2), byte_id(0x82), byte_id(0xAC)}, false), "\u20AC");
  EXPECT_EQ(tokenizer.decode(Ids{byte_id('x'), byte_id(0xE2), byte_id(0x82), 260}, false),
            "\uFFFD\uFFFD\uFFFDa");  // a run is text as a whole, or not at all
  const auto with_decoder = [](std::string_view scheme) {
    return made(tiny_with(
        "decoder", json::object{{"type", "Sequence"},
                                {"decoders", json::array{json::object{{"type", "ByteFallback"}},
                                                         metaspace(scheme)}}}));
  };
  EXPECT_EQ(with_decoder("first").decode(Ids{265, 262}, false), " a");
  EXPECT_EQ(with_decoder("never").decode(Ids{265, 262}, false), "   a");
}

TEST(SentencePiece, SeeksNormalizedAddedTokensInNormalizedText) {
  json::object root = tiny();
  root["added_tokens"].as_array().push_back(added(266, "<n>", false, true));
  const Tokenizer prepends = made(root);
  EXPECT_EQ(prepends.encode("<n>", Specials::kText), (Ids{266}));
  EXPECT_EQ(prepends.encode("a <n>a", Specials::kText), (Ids{262, 266, 260}));
  EXPECT_EQ(prepends.encode("a<n>", Specials::kText),
            (Ids{262, byte_id('<'), byte_id('n'), byte_id('>')}));
  root["normalizer"] = nullptr;
  root["pre_tokenizer"] = metaspace("first");
  EXPECT_EQ(made(root).encode("a<n>a", Specials::kText), (Ids{262, 266, 260}));
}

TEST(SentencePiece, TakesALongTextInReasonableTime) {
  const Tokenizer tokenizer = made(tiny());
  const std::size_t size = 1 << 20;
  const auto ids = tokenizer.encode(std::string(size, 'a'), Specials::kText);
  EXPECT_EQ(ids.size(), size / 2 + 1);  // "_a", then pairs, and one that is left over
  EXPECT_EQ(ids.front(), 262);
  EXPECT_EQ(ids[1], 264);
  EXPECT_EQ(ids.back(), 260);
  EXPECT_EQ(tokenizer.encode(std::string(size, ' '), Specials::kText).size(), size / 2 + 1);
  EXPECT_EQ(tokenizer.encode(std::string(size, '<'), Specials::kParse).size(), size + 1);
}

// An answer goes on after its header; the space before a text has no place there.
TEST(SentencePiece, ChatPutsNoSpaceInTheMiddleOfAStretch) {
  json::object root = tiny();
  root["added_tokens"].as_array().push_back(added(266, "<|im_start|>", true, false));
  root["added_tokens"].as_array().push_back(added(267, "<|im_end|>", true, false));
  const Tokenizer tokenizer = made(root);
  const auto chat = Chat::from_template("<|im_start|>", tokenizer);
  ASSERT_TRUE(chat) << chat.error().message;
  const auto encoded = chat->encode({{"user", "b"}, {"assistant", "a"}});
  Ids trained;
  for (std::size_t i = 0; i < encoded.ids.size(); ++i) {
    if (encoded.assistant_mask[i] != 0) trained.push_back(encoded.ids[i]);
  }
  EXPECT_EQ(trained, (Ids{260, 267}));
  ASSERT_GT(encoded.ids.size(), 2U);
  EXPECT_EQ(encoded.ids[0], 266);
  EXPECT_EQ(encoded.ids[1], 259);  // before "user", as the reference has it
}

TEST(SentencePiece, NamesTheSpacesAndStepsItDoesNotKnow) {
  const auto expect_named = [](const json::object& root, std::string_view word) {
    const std::string message = error_of(root);
    EXPECT_NE(message.find(word), std::string::npos) << word << ": " << message;
  };
  const auto parsed = [](std::string_view text) { return json::parse(text); };
  expect_named(tiny_with("normalizer", parsed(R"({"type": "NFC"})")), "'NFC'");
  expect_named(tiny_with("normalizer", parsed(R"({"type": "Prepend", "prepend": "x"})")),
               "'Prepend'");
  expect_named(tiny_with("normalizer", parsed(R"({"type": "Prepend", "prepend": "▁"})")),
               "Replace of spaces");
  expect_named(tiny_with("normalizer", parsed(R"({"type": "Replace", "pattern": {"Regex": " "},
                         "content": "▁"})")),
               "'Replace'");
  expect_named(tiny_with("normalizer", parsed(R"({"type": "Sequence"})")), "'normalizers'");
  expect_named(tiny_with("normalizer", nullptr), "normalizer");
  expect_named(tiny_with("normalizer", "NFC"), "normalizer");
  expect_named(tiny_with("pre_tokenizer", parsed(R"({"type": "ByteLevel"})")), "'ByteLevel'");
  expect_named(tiny_with("pre_tokenizer", metaspace("first")), "beside");
  expect_named(tiny_with_metaspace("last"), "'last'");
  json::object spaced = tiny_with_metaspace("first");
  spaced["pre_tokenizer"].as_object()["add_prefix_space"] = false;
  expect_named(spaced, "add_prefix_space");
  spaced["pre_tokenizer"].as_object()["replacement"] = "_";
  expect_named(spaced, "replacement");
  expect_named(tiny_with("decoder", nullptr), "decoder");
  expect_named(tiny_with("decoder", parsed(R"({"type": "WordPiece"})")), "'WordPiece'");
  expect_named(tiny_with("decoder", metaspace("always")), "ByteFallback");
  expect_named(tiny_with("decoder", parsed(R"({"type": "ByteFallback"})")), "U+2581");
  expect_named(tiny_with("decoder", parsed(R"({"type": "Strip", "content": " ", "stop": 1})")),
               "Strip");
  json::array fuses;
  for (int i = 0; i < 17; ++i) fuses.push_back(json::object{{"type", "Fuse"}});
  expect_named(tiny_with("decoder", json::object{{"type", "Sequence"}, {"decoders", fuses}}),
               "more than 16");
}

TEST(SentencePiece, NamesWhatIsWrongInItsVocabulary) {
  const auto model_error = [](std::string_view name, json::value value) {
    json::object root = tiny();
    root["model"].as_object()[name] = std::move(value);
    return error_of(root);
  };
  json::object vocab = tiny()["model"].as_object()["vocab"].as_object();
  vocab.erase("<0x0A>");
  EXPECT_NE(model_error("vocab", vocab).find("<0x0A>"), std::string::npos);
  EXPECT_NE(model_error("merges", json::parse(R"([["a", "x"]])")).find("merge 0"),
            std::string::npos);
  // A merge with an empty part would make a token of itself, again and again.
  EXPECT_NE(model_error("merges", json::parse(R"([["", "a"]])")).find("merge 0"),
            std::string::npos);
  EXPECT_NE(model_error("merges", json::parse(R"(["a"])")).find("merge"), std::string::npos);
  EXPECT_NE(model_error("dropout", 0.1).find("dropout"), std::string::npos);
  const auto added_error = [](const json::object& token) {
    json::object root = tiny();
    root["added_tokens"].as_array().push_back(token);
    return error_of(root);
  };
  EXPECT_EQ(added_error(added(300, "<x>", true, false)), "accepted");
  EXPECT_NE(added_error(added(300, "a", true, false)).find("'a'"), std::string::npos);
  EXPECT_NE(added_error(added(260, "<x>", true, false)).find("'<x>'"), std::string::npos);
  EXPECT_NE(added_error(added(1 << 23, "<x>", true, false)).find("added_tokens"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::engine
