// What our JSON entry takes and refuses, by RFC 8259: one list of texts that every reader must
// take, one that every reader must refuse, and one where only crashing is wrong.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "base/json_scan.h"

namespace hone {
namespace {

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

using Texts = std::vector<std::string>;

const Texts& valid() {
  static const Texts texts = {"[]",
                              "{}",
                              " [ ] ",
                              "\t{\n}\r",
                              "null",
                              "true",
                              "false",
                              "0",
                              "-0",
                              "1",
                              "-1",
                              "1.0",
                              "-0.5",
                              "1e5",
                              "1E5",
                              "1e+5",
                              "1e-5",
                              "1.25E-2",
                              "123456789",
                              "[1,2,3]",
                              "[1 , 2 ,3]",
                              "[[],[[]]]",
                              R"("")",
                              R"("a")",
                              R"("\"\\\/\b\f\n\r\t")",
                              R"("\u0041")",
                              R"("\u00e9")",
                              R"("\ud83d\ude00")",
                              "\"\xF0\x9F\x98\x80\"",
                              "\"\xC3\xA9\"",
                              "\"\x7F\"",
                              R"({"":0})",
                              R"({"a":1,"b":[true,null]})",
                              R"({"a":{"b":{"c":{}}}})",
                              R"([1e-400])",
                              R"("a\u0000b")",
                              R"({"a":1, "a":2})",
                              R"([-0.0])",
                              "[\"\xEF\xBB\xBF\"]",
                              nested(60, '[', ']'),
                              R"([0.1234567890123456789012345678901234567890])",
                              R"("\u2028\u2029")"};
  return texts;
}

const Texts& invalid() {
  static const Texts texts = {"",
                              " ",
                              "[",
                              "]",
                              "{",
                              "}",
                              "[1",
                              "[1,",
                              "[1,]",
                              "[,1]",
                              "[1,,2]",
                              "[1 2]",
                              "[1:2]",
                              "{]",
                              "[}",
                              R"({"a")",
                              R"({"a":})",
                              R"({"a":1,})",
                              R"({"a":1 "b":2})",
                              R"({a:1})",
                              R"({'a':1})",
                              R"({1:1})",
                              R"({"a"::1})",
                              R"({"a",1})",
                              R"({,"a":1})",
                              "nul",
                              "tru",
                              "falsee",
                              "NULL",
                              "True",
                              "nan",
                              "NaN",
                              "Infinity",
                              "-Infinity",
                              "+1",
                              "-",
                              "01",
                              "-01",
                              "1.",
                              ".5",
                              "1.e5",
                              "1e",
                              "1e+",
                              "0x10",
                              "1_000",
                              "--1",
                              "1-2",
                              "\"",
                              "\"a",
                              "'a'",
                              R"("\x41")",
                              R"("\u12")",
                              R"("\u12G4")",
                              R"("\")",
                              "\"\n\"",
                              "\"\t\"",
                              std::string("\"\0\"", 3),
                              "\"\x1f\"",
                              "[1]x",
                              "[1][2]",
                              "{}{}",
                              "null true",
                              "// a\n1",
                              "/* a */ 1",
                              "[1] // a",
                              "\xEF\xBB\xBF[]",
                              "\"\x80\"",
                              "\"\xC3\"",
                              "\"\xC0\xAF\"",
                              "\"\xED\xA0\x80\"",
                              "\"\xF5\x80\x80\x80\"",
                              "\xFF\xFE[\x00]\x00",
                              R"(["a" "b"])",
                              R"({"a":1}})",
                              R"([1e1.5])",
                              "[\v1]",
                              "[\f1]",
                              "\xC2\xA0[]"};
  return texts;
}

TEST(JsonCases, TakesWhatIsJson) {
  for (const std::string& text : valid()) {
    const auto value = parse_json(text);
    EXPECT_TRUE(value) << text << ": " << value.error().message;
    if (!value) continue;
    // What it writes it reads as the same, in its canonical form too.
    EXPECT_EQ(parse_json(json::serialize(*value)).value(), *value) << text;
    EXPECT_EQ(canonical(parse_json(canonical(*value)).value()), canonical(*value)) << text;
  }
}

TEST(JsonCases, RefusesWhatIsNot) {
  for (const std::string& text : invalid()) EXPECT_FALSE(parse_json(text)) << text;
}

TEST(JsonCases, DepthIsBoundedWhateverItIsMadeOf) {
  EXPECT_FALSE(parse_json(nested(100'000, '[', ']')));
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(parse_json(objects));
}

// The scanner is no judge; it must only step over the same values, and never outside the text.
TEST(JsonCases, TheScannerStepsOverWhatTheParserTakes) {
  for (const std::string& text : valid()) {
    const std::string listed = "[" + text + ",0]";
    JsonScanner scanner(listed);
    ASSERT_TRUE(scanner.take('['));
    const auto value = scanner.value();
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(parse_json(*value).value(), parse_json(text).value()) << text;
    EXPECT_TRUE(scanner.take(',')) << text;
  }
  for (const std::string& text : invalid()) {
    JsonScanner scanner(text);
    while (scanner.value() && scanner.take(',')) continue;
    EXPECT_LE(scanner.position(), text.size());
  }
}

TEST(JsonCases, AnyCutOfAValidTextIsHandled) {
  for (const std::string& text : valid()) {
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      const auto value = parse_json(text.substr(0, cut));
      if (value) {
        EXPECT_TRUE(parse_json(json::serialize(*value)));
      }
    }
  }
}

}  // namespace
}  // namespace hone
