#include "engine/model/template_json.h"

#include <gtest/gtest.h>

namespace hone::engine {
namespace {

TEST(TemplateJson, IsWhatPythonWritesInOneLine) {
  const auto value = json::parse(
      R"({"b":1,"a":[true,null,-2,"é \"q\" \\ /\n"],"empty":{},"none":[],"n":18446744073709551615})");
  EXPECT_EQ(template_json(value),
            R"({"b": 1, "a": [true, null, -2, "é \"q\" \\ /\n"], "empty": {}, "none": [], )"
            R"("n": 18446744073709551615})");
}

TEST(TemplateJson, IndentsAsPythonDoes) {
  EXPECT_EQ(template_json(json::parse(R"({"a":[1,{"b":{}}],"c":"d"})"), 4),
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": {}\n        }\n    ],\n"
            "    \"c\": \"d\"\n}");
}

TEST(TemplateJson, TakesTheArgumentsOfPythonsDumps) {
  const auto value = json::parse(R"({"b":[1,{}],"a":"é😀\u007f"})");
  EXPECT_EQ(template_json(value, {.item_separator = ",", .key_separator = ":"}),
            "{\"b\":[1,{}],\"a\":\"é😀\x7f\"}");
  EXPECT_EQ(template_json(value, {.ensure_ascii = true, .sort_keys = true}),
            R"({"a": "\u00e9\ud83d\ude00\u007f", "b": [1, {}]})");
  EXPECT_EQ(template_json(json::parse("[1,[]]"), {.indent = 0}), "[\n1,\n[]\n]");
}

// Each beside what Python's json.dumps prints.
TEST(TemplateJson, WritesNumbersAsPythonDoes) {
  const std::vector<std::pair<double, const char*>> cases = {{21.5, "21.5"},
                                                             {3.0, "3.0"},
                                                             {-0.0, "-0.0"},
                                                             {0.1, "0.1"},
                                                             {1e5, "100000.0"},
                                                             {1e15, "1000000000000000.0"},
                                                             {1e16, "1e+16"},
                                                             {1.5e300, "1.5e+300"},
                                                             {0.0001, "0.0001"},
                                                             {0.00001, "1e-05"},
                                                             {1.0 / 3, "0.3333333333333333"},
                                                             {123456789.125, "123456789.125"}};
  for (const auto& [number, written] : cases) EXPECT_EQ(template_json(number), written);
}

}  // namespace
}  // namespace hone::engine
