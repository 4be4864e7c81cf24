#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/schema/pattern.h"
#include "engine/schema/validate.h"

namespace hone::engine {
namespace {

bool matches(const std::string& expression, const std::string& text,
             Pattern::Where where = Pattern::Where::kAnywhere) {
  const auto pattern = Pattern::compile(expression, where);
  EXPECT_TRUE(pattern) << pattern.error().message;
  return pattern && pattern->matches(text);
}

TEST(Pattern, MatchesAnywhereOrAsAWhole) {
  using enum Pattern::Where;
  EXPECT_TRUE(matches("b+", "abba"));
  EXPECT_FALSE(matches("b+", "abba", kWhole));
  EXPECT_TRUE(matches("ab+a", "abba", kWhole));
  EXPECT_FALSE(matches("ab+a", "abba\n", kWhole));
  EXPECT_TRUE(matches("a|bc", "bc", kWhole));
  EXPECT_FALSE(matches("a|bc", "ac", kWhole));
  EXPECT_TRUE(matches("^[0-9]{2,3}$", "123"));
  EXPECT_TRUE(matches("a*", "", kWhole));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("a", ""));
  EXPECT_TRUE(matches("^.{2}$", "\xC3\xA4\xC3\xB6"));  // characters, not bytes
  EXPECT_FALSE(matches(".", "\xFF"));
}

TEST(Pattern, RefusesWhatItCannotDoInLinearTime) {
  for (const char* expression : {"(a)\\1", "(?=a)b", "a)|(?:b", "(", "[z-a]"}) {
    const auto pattern = Pattern::compile(expression, Pattern::Where::kWhole);
    ASSERT_FALSE(pattern) << expression;
    EXPECT_NE(pattern.error().message.find(expression), std::string::npos);
  }
  EXPECT_FALSE(Pattern::compile(std::string(20'000, 'a'), Pattern::Where::kAnywhere));
}

// What a backtracking engine takes 2^40 steps for.
TEST(Pattern, TakesLinearTimeForNestedRepeats) {
  EXPECT_FALSE(matches("^(a+)+$", std::string(100'000, 'a') + "!"));
}

std::string mismatch(const std::string& schema, const std::string& value) {
  const auto parsed = Schema::parse(json::parse(schema));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? parsed->mismatch(json::parse(value)).value_or("") : "no schema";
}

struct Row {
  const char* schema;
  std::vector<const char*> good;
  std::vector<const char*> bad;
};

TEST(Schema, HoldsToEachKeyword) {
  const std::vector<Row> rows = {
      {R"({"type": "integer"})", {"1", "-3", "2.0"}, {"1.5", "\"1\"", "null", "true"}},
      {R"({"type": ["string", "null"]})", {"\"\"", "null"}, {"0", "[]", "{}"}},
      {R"({"enum": [1, "a", {"x": [1.0], "y": 2}]})",
       {"1.0", "\"a\"", R"({"y": 2, "x": [1]})"},
       {"2", R"({"x": [1]})", "[1]"}},
      {R"({"const": null})", {"null"}, {"0", "false"}},
      {R"({"minimum": 1, "exclusiveMaximum": 3})", {"1", "2.99", "\"x\""}, {"0.99", "3"}},
      {R"({"exclusiveMinimum": 1, "maximum": 3})", {"1.01", "3"}, {"1", "3.01"}},
      {R"({"multipleOf": 0.1})", {"0.3", "7"}, {"0.25"}},
      {R"({"minLength": 2, "maxLength": 2})", {"\"\u00e4\u00f6\"", "7"}, {"\"a\"", "\"abc\""}},
      {R"({"pattern": "^a+$"})", {"\"aa\""}, {"\"ab\"", "\"\""}},
      {R"({"format": "date"})", {"\"2024-02-29\"", "7"}, {"\"2023-02-29\"", "\"2024-02-29 \""}},
      {R"({"format": "date-time"})", {"\"2024-02-29T10:00:00Z\""}, {"\"2024-02-29\""}},
      {R"({"properties": {"a": {"type": "number"}}, "required": ["a"],
           "additionalProperties": false})",
       {R"({"a": 1})", "[]"},
       {"{}", R"({"a": "1"})", R"({"a": 1, "b": 2})"}},
      {R"({"additionalProperties": {"type": "string"}, "minProperties": 1, "maxProperties": 2})",
       {R"({"x": ""})"},
       {"{}", R"({"x": 1})", R"({"a": "", "b": "", "c": ""})"}},
      {R"({"prefixItems": [{"type": "string"}], "items": {"type": "number"}, "minItems": 1,
           "maxItems": 3})",
       {R"(["a"])", R"(["a", 1, 2])"},
       {"[]", "[1]", R"(["a", "b"])", R"(["a", 1, 2, 3])"}},
      {R"({"uniqueItems": true})", {"[1, 2, [1]]"}, {"[1, 1.0]", R"([{"a": 1}, {"a": 1}])"}},
      {R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", {"1", "2"}, {"0", "3"}},
      {R"({"anyOf": [{"type": "string"}, {"minimum": 5}]})", {"\"a\"", "5"}, {"4"}},
      {R"({"oneOf": [{"minimum": 1}, {"maximum": 5}]})", {"0", "6"}, {"3"}},
      {R"({"not": {"type": "string"}})", {"1"}, {"\"1\""}},
      {"true", {"1", "{}"}, {}},
      {"false", {}, {"1", "null"}},
      {R"({"$ref": "#/$defs/list", "$defs": {"list": {"anyOf": [{"type": "null"},
           {"type": "object", "required": ["next"], "additionalProperties": false,
            "properties": {"next": {"$ref": "#/$defs/list"}}}]}}})",
       {"null", R"({"next": {"next": null}})"},
       {"1", R"({"next": {"next": 1}})", R"({"next": null, "x": 1})"}}};
  for (const Row& row : rows) {
    for (const char* value : row.good) {
      EXPECT_EQ(mismatch(row.schema, value), "") << row.schema << " " << value;
    }
    for (const char* value : row.bad) {
      EXPECT_NE(mismatch(row.schema, value), "") << row.schema << " " << value;
    }
  }
}

TEST(Schema, NamesThePlaceOfAMismatch) {
  EXPECT_EQ(
      mismatch(R"({"properties": {"a": {"items": {"type": "integer"}}}})", R"({"a": [1, 2, "x"]})"),
      "$.a[2]: is a string; wanted: integer");
}

TEST(Schema, NamesAKeywordThatItDoesNotKnow) {
  const auto error_of = [](const char* text) {
    const auto schema = Schema::parse(json::parse(text));
    return schema ? std::string() : schema.error().message;
  };
  const std::string message = error_of(R"({"properties": {"when": {"format": "email"}}})");
  EXPECT_NE(message.find("'format'"), std::string::npos) << message;
  EXPECT_NE(message.find("#/properties/when"), std::string::npos) << message;
  for (const char* text :
       {"3", R"({"type": "text"})", R"({"items": [{}]})", R"({"anyOf": []})", R"({"enum": 1})",
        R"({"pattern": "("})", R"({"minLength": -1})", R"({"$ref": "#/$defs/no"})",
        R"({"$ref": "https://example.org/s"})", R"({"required": [1]})", R"({"multipleOf": 0})"}) {
    EXPECT_NE(error_of(text), "") << text;
  }
}

// Each would run for ever, or nearly.
TEST(Schema, BoundsItsWork) {
  EXPECT_NE(mismatch(R"({"$ref": "#"})", "1").find("too many steps"), std::string::npos);
  EXPECT_NE(mismatch(R"({"not": {"$ref": "#"}})", "1").find("too many steps"), std::string::npos);
  json::object definitions;
  for (int i = 0; i < 60; ++i) {
    const json::value next = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    definitions["d" + std::to_string(i)] = {{"allOf", json::array{next, next}}};
  }
  definitions["d60"] = true;
  json::object chain;
  for (int i = 0; i < 5'000; ++i)
    chain["d" + std::to_string(i)] = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
  EXPECT_FALSE(Schema::parse(json::value{{"$ref", "#/$defs/d0"}, {"$defs", chain}}));
  const json::value bomb = {{"$ref", "#/$defs/d0"}, {"$defs", definitions}};
  EXPECT_NE(mismatch(json::serialize(bomb), "1").find("too many steps"), std::string::npos);
}

}  // namespace
}  // namespace hone::engine
