// Schemas as languages: documents byte by byte, whole small languages, and what cannot be had.
#include "engine/constrain/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <set>

#include "engine/constrain/automaton.h"
#include "engine/model/utf8.h"
#include "engine/schema/pattern.h"

namespace hone::engine {
namespace {

Result<Grammar> grammar_for(const std::string& schema, const ByteSet& alphabet = ~ByteSet()) {
  OutputForm form;
  form.text = OutputForm::Text::kSchema;
  form.schema = json::parse(schema);
  form.where = "schema";
  return grammar_of(form, alphabet, false);
}

Automaton automaton_for(const std::string& schema) {
  auto grammar = grammar_for(schema);
  if (!grammar) {
    ADD_FAILURE() << schema << ": " << grammar.error().message;
    grammar = grammar_for("true");
  }
  return Automaton(std::make_shared<const Grammar>(std::move(*grammar)));
}

// "whole", "open" (a beginning), or "refused at 5".
std::string fate(Automaton& automaton, std::string_view text) {
  auto state = automaton.start();
  for (std::size_t i = 0; i < text.size(); ++i) {
    state = automaton.next(state, static_cast<unsigned char>(text[i]));
    if (state == Automaton::kDead) return "refused at " + std::to_string(i);
  }
  return automaton.complete(state) ? "whole" : "open";
}

std::string fate(const std::string& schema, std::string_view text) {
  auto automaton = automaton_for(schema);
  return fate(automaton, text);
}

// All documents of at most `most` bytes.
std::set<std::string> language(const std::string& schema, std::size_t most) {
  auto automaton = automaton_for(schema);
  std::set<std::string> found;
  std::string text;
  const std::function<void(Automaton::State)> visit = [&](Automaton::State state) {
    if (automaton.complete(state)) found.insert(text);
    if (text.size() == most) return;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const auto after = automaton.next(state, static_cast<unsigned char>(byte));
      if (after == Automaton::kDead) continue;
      text.push_back(static_cast<char>(byte));
      visit(after);
      text.pop_back();
    }
  };
  visit(automaton.start());
  return found;
}

std::string why_not(const std::string& schema) {
  const auto grammar = grammar_for(schema);
  return grammar ? "taken" : grammar.error().message;
}

TEST(Schema, AcceptsDocumentsByteByByteAndRefusesAtTheByteThatIsWrong) {
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},)"
      R"("tags":{"type":"array","items":{"enum":["a","bb"]}}},"required":["name"],)"
      R"("additionalProperties":false})";
  EXPECT_EQ(fate(person, R"({"name": "Ana", "age": -7, "tags": ["a", "bb"]})"), "whole");
  EXPECT_EQ(fate(person, R"({"name":"Ana","tags":[]})"), "whole");
  EXPECT_EQ(fate(person, R"({"name":"Ana"})"), "whole");
  EXPECT_EQ(fate(person, R"({"name":"Ana")"), "open");
  EXPECT_EQ(fate(person, R"({"age":1})"), "refused at 2");  // the name is required
  EXPECT_EQ(fate(person, R"({"name":"A","name":)"), "refused at 13");
  EXPECT_EQ(fate(person, R"({"name":5})"), "refused at 8");
  EXPECT_EQ(fate(person, R"({"name":"A","age":01})"), "refused at 19");
  EXPECT_EQ(fate(person, R"({"name":"A","age":1.5})"), "refused at 19");
  EXPECT_EQ(fate(person, R"({"name":"A","tags":["b"]})"), "refused at 22");
  EXPECT_EQ(fate(person, R"({"name":"A",})"), "refused at 12");
  EXPECT_EQ(fate(person, R"({"name":"A"} )"), "refused at 12");  // nothing behind the end
  EXPECT_EQ(fate(person, R"({"name":  "A"})"), "refused at 9");  // one blank, no more
  EXPECT_EQ(fate(person, "{\n"), "refused at 1");
}

TEST(Schema, AcceptsAnyJsonWhereNothingIsAsked) {
  for (const char* text : {R"({"a": [1, -2.5e+3, {"b": null}], "": "x\u00e9\n\ud83d\ude00"})", "[]",
                           "{}", "0.25", "\"\"", "true", "[[[[[[]]]]]]"}) {
    EXPECT_EQ(fate("true", text), "whole") << text;
    EXPECT_EQ(fate("{}", text), "whole") << text;
    EXPECT_TRUE(parse_json(text)) << text;
  }
  for (const char* text : {"[1,]", "{\"a\"}", "nul ", "+1", "1.", ".5", "\"\t\"", "\"\\x\"",
                           "\"\\ud83d\"", "\"\\ude00\"", "'a'", "1e999"}) {
    EXPECT_NE(fate("true", text), "whole") << text;
  }
}

TEST(Schema, KnowsUtf8) {
  const std::string one = R"({"type":"string","minLength":1,"maxLength":1})";
  for (const char* text : {"\"a\"", "\"\u00e9\"", "\"\u20ac\"", "\"\U0001F600\"", "\"\\n\"",
                           "\"\\u20ac\"", "\"\\ud83d\\ude00\""}) {
    EXPECT_EQ(fate(one, text), "whole") << text;
  }
  EXPECT_EQ(fate(one, "\"\""), "refused at 1");
  EXPECT_EQ(fate(one, "\"ab"), "refused at 2");
  EXPECT_EQ(fate(one, "\"\x80"), "refused at 1");      // goes on with nothing begun
  EXPECT_EQ(fate(one, "\"\xC0\x80"), "refused at 1");  // too long for what it says
  EXPECT_EQ(fate(one, "\"\xE0\x80"), "refused at 2");
  EXPECT_EQ(fate(one, "\"\xED\xA0"), "refused at 2");    // half of a pair
  EXPECT_EQ(fate(one, "\"\xF4\x90"), "refused at 2");    // beyond Unicode
  EXPECT_EQ(fate(one, "\"\xE2\x82\""), "refused at 3");  // cut short
}

TEST(Schema, HoldsIntegersToTheirBounds) {
  const auto holds = [](Automaton& automaton, std::int64_t n) {
    return fate(automaton, std::to_string(n)) == "whole";
  };
  const std::vector<std::pair<std::int64_t, std::int64_t>> ranges = {
      {0, 0}, {7, 23}, {-5, 5}, {-120, -7}, {99, 1001}, {-1, 0}, {10, 10}, {0, 999}};
  for (const auto& [low, high] : ranges) {
    auto closed = automaton_for(R"({"type":"integer","minimum":)" + std::to_string(low) +
                                R"(,"maximum":)" + std::to_string(high) + "}");
    for (std::int64_t n = -1300; n <= 1300; ++n) {
      ASSERT_EQ(holds(closed, n), n >= low && n <= high) << low << ".." << high << ": " << n;
    }
    EXPECT_NE(fate(closed, "-0"), "whole");
  }
  auto open = automaton_for(R"({"type":"integer","exclusiveMinimum":2.5,"exclusiveMaximum":6})");
  for (std::int64_t n = -20; n <= 20; ++n) EXPECT_EQ(holds(open, n), n >= 3 && n <= 5) << n;
  auto above = automaton_for(R"({"type":"integer","minimum":0})");
  EXPECT_TRUE(holds(above, 999'999'999'999'999'999));
  EXPECT_FALSE(holds(above, -1));
  // Beyond what can be written there is nothing, not the largest that can be.
  for (const char* schema :
       {R"({"type":"integer","minimum":1e18})", R"({"type":"integer","maximum":-1e18})",
        R"({"type":"number","minimum":2e15})", R"({"type":"number","exclusiveMaximum":-2e15})"}) {
    EXPECT_NE(why_not(schema).find("no value"), std::string::npos) << schema;
  }
}

TEST(Schema, HoldsNumbersToTheirBounds) {
  struct Bounds {
    const char* schema;
    std::function<bool(double)> holds;
  };
  const std::vector<Bounds> cases = {
      {R"({"type":"number","minimum":0,"maximum":1})", [](double x) { return x >= 0 && x <= 1; }},
      {R"({"type":"number","exclusiveMinimum":0})", [](double x) { return x > 0; }},
      {R"({"type":"number","minimum":-2,"exclusiveMaximum":3})",
       [](double x) { return x >= -2 && x < 3; }},
      {R"({"type":"number","maximum":-1})", [](double x) { return x <= -1; }},
      {R"({"type":"number","exclusiveMinimum":-1,"exclusiveMaximum":0})",
       [](double x) { return x > -1 && x < 0; }}};
  for (const Bounds& one : cases) {
    auto automaton = automaton_for(one.schema);
    for (int n = -500; n <= 500; ++n) {
      const std::string text = std::string(n < 0 ? "-" : "") + std::to_string(std::abs(n) / 100) +
                               "." + std::to_string(std::abs(n) % 100 / 10) +
                               std::to_string(std::abs(n) % 10);
      const double value = json::parse(text).as_double();
      // A whole upper bound is written without a fraction.
      if (fate(automaton, text) == "whole") {
        EXPECT_TRUE(one.holds(value)) << one.schema << " " << text;
      } else if (n % 100 != 0) {
        EXPECT_FALSE(one.holds(value)) << one.schema << " " << text;
      }
      if (n % 100 == 0) {
        EXPECT_EQ(fate(automaton, std::to_string(n / 100)) == "whole", one.holds(n / 100))
            << one.schema << " " << n / 100;
      }
    }
  }
}

TEST(Schema, SmallLanguagesAreWhatTheSchemaSays) {
  using Texts = std::set<std::string>;
  EXPECT_EQ(language(R"({"type":["boolean","null"]})", 6), (Texts{"true", "false", "null"}));
  EXPECT_EQ(language(R"({"enum":["a",1,1.5,null,{"k":[1,2]}]})", 20),
            (Texts{"\"a\"", "1", "1.5", "null", R"({"k": [1, 2]})"}));
  EXPECT_EQ(language(R"({"enum":["a",1,2.0,"b"],"type":"string"})", 20), (Texts{"\"a\"", "\"b\""}));
  EXPECT_EQ(language(R"({"type":"array","items":{"const":7},"minItems":1,"maxItems":2})", 9),
            (Texts{"[7]", "[7,7]", "[7, 7]"}));
  EXPECT_EQ(language(R"({"type":"array","prefixItems":[{"const":1},{"const":2}],)"
                     R"("items":{"const":3},"minItems":1,"maxItems":3})",
                     7),
            (Texts{"[1]", "[1,2]", "[1, 2]", "[1,2,3]"}));
  EXPECT_EQ(language(R"({"type":"array","maxItems":0})", 5), (Texts{"[]"}));
  EXPECT_EQ(
      language(R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}}})", 13),
      (Texts{"{}", R"({"a":1})", R"({"a": 1})", R"({"b":2})", R"({"b": 2})", R"({"a":1,"b":2})"}));
  EXPECT_EQ(language(R"({"type":"object","required":["a"],"properties":{"a":{"const":1}}})", 9),
            (Texts{R"({"a":1})", R"({"a": 1})"}));
  EXPECT_EQ(language(R"({"anyOf":[{"const":"x"},{"type":"integer","minimum":3,"maximum":4}]})", 5),
            (Texts{"\"x\"", "3", "4"}));
  EXPECT_EQ(language(R"({"allOf":[{"const":5}],"title":"t"})", 5), (Texts{"5"}));
}

std::string with_pattern(const std::string& pattern) {
  return json::serialize(json::object{{"type", "string"}, {"pattern", pattern}});
}

// Every text of a few characters, held against the matcher that verifiers use.
TEST(Schema, HoldsStringsToTheirPatterns) {
  constexpr std::string_view kCharacters = "ab0- ";
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 5; ++i) {
    for (const char c : kCharacters) texts.push_back(texts[i] + c);
  }
  for (const char* pattern : {"^a",
                              "b$",
                              "^$",
                              "a|^b",
                              "(a|b)*0$",
                              "^a{2,3}b?$",
                              "^[^ab]+$",
                              "^(?:ab|a)(?:b0|0)$",
                              "a.b",
                              "^\\w\\W\\d?$",
                              "^[\\w-]+$",
                              "^[a\\-0]+$",
                              "^(a(b|)){0,2}$",
                              "(^a|b$)",
                              "^a*?b+?$",
                              "\\s\\S",
                              "^[^\\s\\d]*$",
                              "^[ -0]{2,}$",
                              "^\\x61\\D+$",
                              "^(a*)*$"}) {
    const auto matcher = Pattern::compile(pattern, Pattern::Where::kAnywhere);
    ASSERT_TRUE(matcher) << matcher.error().message;
    auto automaton = automaton_for(with_pattern(pattern));
    for (const std::string& text : texts) {
      ASSERT_EQ(fate(automaton, json::serialize(json::value(text))) == "whole",
                matcher->matches(text))
          << pattern << ": '" << text << "'";
    }
  }
  EXPECT_EQ(fate(with_pattern("^(?<name>ab)+$"), R"("abab")"), "whole");
  EXPECT_EQ(fate(with_pattern(""), R"("x")"), "whole");
  EXPECT_EQ(fate(with_pattern("^a$"), R"("a\n")"), "refused at 2") << "an end is the end";
  EXPECT_NE(why_not(with_pattern("b^a")).find("no value"), std::string::npos);
}

TEST(Schema, HoldsPatternsToTheirLength) {
  const std::string schema =
      R"({"type":"string","pattern":"^(ab)*c?$","minLength":3,"maxLength":5})";
  EXPECT_EQ(language(schema, 9), (std::set<std::string>{"\"abc\"", "\"abab\"", "\"ababc\""}));
  EXPECT_EQ(language(R"({"pattern":"^a*$","minLength":2})", 6),
            (std::set<std::string>{"\"aa\"", "\"aaa\"", "\"aaaa\""}));
  EXPECT_NE(why_not(R"({"pattern":"^a{3}$","maxLength":2})").find("no value"), std::string::npos);
}

TEST(Schema, KnowsTheCharactersOfAPattern) {
  const std::vector<char32_t> ends = {0x21,   0x7F,   0x80,   0x7FF,   0x800,   0x1234,
                                      0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x54321, 0x10FFFF};
  const auto utf8 = [](char32_t code) {
    std::string text;
    append_utf8(text, code);
    return text;
  };
  for (const char32_t first : ends) {
    for (const char32_t last : ends) {
      if (first > last) continue;
      auto automaton = automaton_for(with_pattern("^[" + utf8(first) + "-" + utf8(last) + "]$"));
      for (const char32_t at : ends) {
        for (const char32_t code :
             {static_cast<char32_t>(at - 1), at, static_cast<char32_t>(at + 1)}) {
          if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) || code == '"') continue;
          ASSERT_EQ(fate(automaton, "\"" + utf8(code) + "\"") == "whole",
                    code >= first && code <= last)
              << "of " << utf8(first) << " to " << utf8(last) << ": " << utf8(code);
        }
      }
    }
  }
  // What a string cannot hold as it is comes in its shortest form.
  EXPECT_EQ(language(R"({"pattern":"^[\u0000-\u0001\t\"\\\\\u001f]$"})", 8),
            (std::set<std::string>{R"("\u0000")", R"("\u0001")", R"("\t")", R"("\"")", R"("\\")",
                                   R"("\u001f")"}));
}

TEST(Schema, HoldsStringsToTheirFormats) {
  const auto taken = [](const char* format, const std::vector<const char*>& good,
                        const std::vector<const char*>& bad) {
    auto automaton = automaton_for(std::string(R"({"format":")") + format + "\"}");
    for (const char* text : good)
      EXPECT_EQ(fate(automaton, "\"" + std::string(text) + "\""), "whole") << text;
    for (const char* text : bad)
      EXPECT_NE(fate(automaton, "\"" + std::string(text) + "\""), "whole") << text;
  };
  taken("date", {"2026-11-28", "2024-02-29", "2000-02-29", "0000-12-31"},
        {"2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "26-11-28"});
  taken("time", {"23:59:59Z", "00:00:00.5+23:59"},
        {"24:00:00Z", "12:00:60Z", "12:00:00", "1:00:00Z"});
  taken("date-time", {"2026-11-28T00:40:51Z", "2026-11-28T00:40:51.123-05:30"},
        {"2026-11-28 00:40:51Z", "2026-11-28", "2026-11-31T00:40:51Z"});
  taken("uuid", {"01234567-89ab-cdef-ABCD-0123456789ab"},
        {"0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-ABCD-0123456789ag"});
}

TEST(Schema, HoldsIntegersToTheirMultiples) {
  struct Multiples {
    std::int64_t step, low, high;
  };
  for (const auto& [step, low, high] : std::vector<Multiples>{{1, -20, 30},
                                                              {5, -1000, 1000},
                                                              {7, -99, 1234},
                                                              {25, 26, 2600},
                                                              {400, -1000, 900},
                                                              {13, 14, 30},
                                                              {1000, 0, 2500},
                                                              {97, -2000, -100}}) {
    auto automaton = automaton_for(json::serialize(json::object{
        {"type", "integer"}, {"multipleOf", step}, {"minimum", low}, {"maximum", high}}));
    for (std::int64_t n = -2700; n <= 2700; ++n) {
      ASSERT_EQ(fate(automaton, std::to_string(n)) == "whole",
                n % step == 0 && n >= low && n <= high)
          << step << ": " << n;
    }
  }
  for (const std::int64_t step : {3, 7, 20, 100, 700, 96}) {
    auto automaton = automaton_for(
        json::serialize(json::object{{"type", "number"}, {"multipleOf", step}, {"minimum", -50}}));
    for (std::int64_t n = -300; n <= 5000; ++n) {
      ASSERT_EQ(fate(automaton, std::to_string(n)) == "whole", n % step == 0 && n >= -50)
          << step << ": " << n;
    }
    const std::int64_t large = 999'999'999'999'999'999 / step * step;
    EXPECT_EQ(fate(automaton, std::to_string(large)), "whole") << step;
    EXPECT_NE(fate(automaton, std::to_string(large - 1)), "whole") << step;
  }
}

TEST(Schema, BoundsThePatternsItReads) {
  for (const char* pattern : {"(a",
                              "a)",
                              "[a",
                              "a**",
                              "*a",
                              "a{2",
                              "a{3,2}",
                              "a{2000}",
                              "[b-a]",
                              "[]a]",
                              "[[:alpha:]]",
                              "(?i)a",
                              "(?<!a)b",
                              "\\ba",
                              "(a)\\1",
                              "\\p{L}",
                              "a\\",
                              "\\x4",
                              "\\ud83d",
                              "(a|b)*a(a|b){14}",
                              "((a{1000}){1000}){1000}",
                              "((((){1000}){1000}){1000}){1000}"}) {
    EXPECT_NE(why_not(with_pattern(pattern)).find("'schema.pattern'"), std::string::npos)
        << pattern;
  }
  EXPECT_NE(why_not(with_pattern(std::string(2000, 'a'))), "taken");
  // All patterns of a form together.
  std::string many = R"({"type":"object","properties":{)";
  for (int i = 0; i < 100; ++i) {
    many += (i > 0 ? "," : "") + ("\"p" + std::to_string(i) + R"(":{"pattern":"^[^x]{)") +
            std::to_string(i + 100) + R"(}$"})";
  }
  EXPECT_NE(why_not(many + "}}").find(".pattern'"), std::string::npos);
}

TEST(Schema, FollowsReferencesInCircles) {
  const std::string tree =
      R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{)"
      R"("v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},)"
      R"("required":["v","kids"],"additionalProperties":false}}})";
  EXPECT_EQ(fate(tree, R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3,"kids":[{"v":4,"kids":[]}]}]})"),
            "whole");
  EXPECT_EQ(fate(tree, R"({"v":1,"kids":[{"v":2}]})"), "refused at 21");
  // As deep as the bound allows, and there the only way on is the way out.
  auto automaton = automaton_for(tree);
  auto state = automaton.start();
  int depth = 0;
  for (bool deeper = true; deeper && depth < 100; ++depth) {
    for (const char c : std::string(R"({"v":1,"kids":[)")) {
      const auto after = automaton.next(state, static_cast<unsigned char>(c));
      deeper = after != Automaton::kDead;
      if (!deeper) break;
      state = after;
    }
  }
  EXPECT_GT(depth, 10);
  EXPECT_LT(depth, 100);
  EXPECT_NE(automaton.next(state, ']'), Automaton::kDead) << "there is always a way to the end";
}

TEST(Schema, OtherMembersHaveOtherNames) {
  const std::string schema =
      R"({"type":"object","properties":{"ab":{"type":"integer"},"\u00e9":{"type":"integer"}},)"
      R"("additionalProperties":{"type":"boolean"}})";
  EXPECT_EQ(fate(schema, R"({"ab": 1, "a": true, "abc": false, "": true, "b": true})"), "whole");
  EXPECT_EQ(fate(schema, R"({"ab": true})"), "refused at 7");
  EXPECT_EQ(fate(schema, R"({"x": 1})"), "refused at 6");
  EXPECT_EQ(fate(schema, R"({"x": true, "ab": 1})"), "refused at 15");
  EXPECT_EQ(fate(schema, "{\"\u00e9\": true"), "refused at 7");
  EXPECT_EQ(fate(schema, R"({"\u0061b": true})"), "refused at 2") << "no name in disguise";
  EXPECT_EQ(fate(R"({"type":"object"})", R"({"any": [1], "thing": {"a": "b"}})"), "whole");
  EXPECT_EQ(fate(R"({"type":"object","required":["a"]})", R"({"b": 1})"), "refused at 2");
}

TEST(Schema, NamesWhatItCannotHoldAnAnswerTo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"type":"string","pattern":"(?=a)b"})", "'schema.pattern'"},
      {R"({"type":"string","pattern":"a","format":"date"})", "'schema.format'"},
      {R"({"enum":["a"],"format":"date"})", "'schema.format'"},
      {R"({"properties":{"a":{"items":{"not":{}}}}})", "'schema.properties.a.items.not'"},
      {R"({"type":"array","uniqueItems":true})", "'schema.uniqueItems'"},
      {R"({"type":"integer","multipleOf":0.5})", "'schema.multipleOf'"},
      {R"({"type":"integer","multipleOf":0})", "'schema.multipleOf'"},
      {R"({"type":"integer","multipleOf":1001})", "'schema.multipleOf'"},
      {R"({"patternProperties":{"^x":{}}})", "'schema.patternProperties'"},
      {R"({"if":{},"then":{}})", "'schema.if'"},
      {R"({"allOf":[{"type":"string"},{"maxLength":3}]})", "'schema.allOf'"},
      {R"({"type":"number","minimum":0.5})", "'schema.minimum'"},
      {R"({"type":"string","minLength":3,"maxLength":2})", "'schema.minLength'"},
      {R"({"type":"string","minLength":-1})", "'schema.minLength'"},
      {R"({"type":"text"})", "'schema.type'"},
      {R"({"$ref":"#/$defs/none"})", "'schema.$ref'"},
      {R"({"$ref":"https://example.com/x"})", "'schema.$ref'"},
      {R"({"anyOf":[{}],"type":"object"})", "'schema.type'"},
      {R"({"enum":[]})", "'schema.enum'"},
      {R"({"enum":["a"],"type":"integer"})", "'schema.enum'"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "'schema.oneOf'"},
      {R"({"properties":{"a":5}})", "'schema.properties.a'"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}})", "refers to itself"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"const":1}]}}})",
       "refers to itself"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"required":["n"],"properties":{"n":{"$ref":"#/$defs/a"}}}}})",
       "no value"},
      {"false", "no value"}};
  for (const auto& [schema, named] : cases) {
    const std::string message = why_not(schema);
    EXPECT_NE(message.find(named), std::string::npos) << schema << ": " << message;
  }
}

TEST(Schema, PassesOverAnnotationsOnly) {
  EXPECT_EQ(why_not(R"({"title":"t","description":"d","default":1,"examples":[1],"$comment":"c",)"
                    R"("$schema":"s","$id":"i","deprecated":true,"readOnly":true,"format":"date",)"
                    R"("x-order":1,"type":"string","uniqueItems":false})"),
            "taken");
}

TEST(Schema, TakesAOneOfWhoseBranchesExcludeEachOther) {
  EXPECT_EQ(why_not(R"({"oneOf":[{"type":"string"},{"type":"null"},{"type":"array"}]})"), "taken");
  EXPECT_EQ(
      why_not(
          R"({"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"$defs":{)"
          R"("cat":{"type":"object","properties":{"kind":{"const":"cat"}},"required":["kind"]},)"
          R"("dog":{"type":"object","properties":{"kind":{"const":"dog"}},"required":["kind"]}}})"),
      "taken");
  EXPECT_EQ(why_not(R"({"oneOf":[{"properties":{"a":{}},"required":["a"]},)"
                    R"({"properties":{"b":{}},"required":["b"]}]})"),
            "taken");
  EXPECT_NE(why_not(R"({"oneOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]})"), "taken")
      << "{} is both";
}

TEST(Schema, BoundsItsSize) {
  std::string wide = R"({"properties":{)";
  for (int i = 0; i < 600; ++i) {
    wide += (i > 0 ? "," : "") + ("\"p" + std::to_string(i) + "\":{}");
  }
  EXPECT_NE(why_not(wide + "}}").find("512"), std::string::npos);
  std::string many = R"({"enum":[)";
  for (int i = 0; i < 4000; ++i) {
    many += (i > 0 ? "," : "") + ("\"" + std::string(90, 'x') + std::to_string(i) + "\"");
  }
  EXPECT_EQ(why_not(many + "]}"), "taken") << "beginnings are shared";
}

TEST(Schema, AsksOnlyForBytesThatCanBeWritten) {
  ByteSet ascii;
  for (std::size_t i = 0x20; i < 0x7F; ++i) ascii.set(i);
  EXPECT_FALSE(grammar_for(R"({"const":"é"})", ascii));
  EXPECT_TRUE(grammar_for(R"({"enum":["é","e"]})", ascii));
  EXPECT_TRUE(grammar_for(R"({"type":"string"})", ascii));
}

TEST(CallForms, AreCallsAsTheModelsWriteThem) {
  OutputForm form;
  form.text = OutputForm::Text::kNone;
  form.calls.push_back({"now", nullptr, false, "tools[0].function.parameters"});
  form.calls.push_back({"at",
                        json::parse(R"({"type":"object","properties":{"h":{"type":"integer"}}})"),
                        false, "tools[1].function.parameters"});
  auto forced = grammar_of(form, ~ByteSet(), false);
  ASSERT_TRUE(forced) << forced.error().message;
  Automaton calls(std::make_shared<const Grammar>(std::move(*forced)));
  EXPECT_EQ(fate(calls, R"({"name": "now", "parameters": {}})"), "whole");
  EXPECT_EQ(fate(calls, R"({"name": "at", "parameters": {"h": 3}})"), "whole");
  EXPECT_EQ(fate(calls, R"({"name": "at", "parameters": {"h": "3")"), "refused at 35");
  EXPECT_EQ(fate(calls, R"({"name": "other")"), "refused at 10");
  EXPECT_EQ(fate(calls, "It is noon."), "refused at 0");
  form.text = OutputForm::Text::kFree;
  auto free = grammar_of(form, ~ByteSet(), true);
  ASSERT_TRUE(free) << free.error().message;
  Automaton either(std::make_shared<const Grammar>(std::move(*free)));
  for (const char* text :
       {"", "It is {noon}.", " It is", "<b>", "\u201cyes\u201d", "\u3042", "\u20ac5"}) {
    EXPECT_EQ(fate(either, text), "whole") << text;
  }
  EXPECT_EQ(fate(either, R"({"name": "at", "parameters": {"h": 3}})"), "whole");
  EXPECT_EQ(fate(either, R"({"x)"), "refused at 2");
  EXPECT_EQ(fate(either, "\n{"), "refused at 0");
  EXPECT_EQ(fate(either, "<|python_tag|>"), "refused at 1");
  EXPECT_EQ(fate(either, "\u3000{"), "refused at 2") << "a blank that readers pass over";
}

}  // namespace
}  // namespace hone::engine
