// Masks over tokens: right for every token, never empty, and always leading to a valid document.
#include "engine/constrain/constraint.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/schema/validate.h"

namespace hone::engine {
namespace {

// Every byte, pieces of JSON and of characters, and an end token.
std::vector<std::string> tokens() {
  std::vector<std::string> all;
  for (int byte = 0; byte < 256; ++byte) all.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {"{\"",
                            "\": ",
                            "\", \"",
                            "\"}",
                            "}}",
                            "]}",
                            "true",
                            "fal",
                            "null",
                            "12",
                            "-1",
                            ".5",
                            ", ",
                            "a\xC3",
                            "\xA9"
                            "b",
                            "\xE2\x82",
                            "\xAC\"",
                            "name",
                            "\"name",
                            "{\"name\": \"",
                            "  ",
                            "[[",
                            "]]",
                            "\\u00",
                            "\\\"",
                            "A",
                            "abc",
                            "abcdefgh",
                            "\":",
                            "\n"}) {
    all.emplace_back(piece);
  }
  all.emplace_back();  // the end
  return all;
}

std::shared_ptr<const ConstraintVocabulary> vocabulary() {
  const auto all = tokens();
  const std::vector<std::string_view> views(all.begin(), all.end());
  return std::make_shared<const ConstraintVocabulary>(
      ConstraintVocabulary{TokenTrie(views), all, {static_cast<std::int64_t>(all.size()) - 1}});
}

std::shared_ptr<Constraint> constraint_for(const json::value& schema) {
  OutputForm form;
  form.text = OutputForm::Text::kSchema;
  form.schema = schema;
  form.where = "schema";
  const auto words = vocabulary();
  auto grammar = grammar_of(form, words->trie.alphabet(), false);
  if (!grammar) {
    ADD_FAILURE() << grammar.error().message;
    return nullptr;
  }
  return std::make_shared<Constraint>(std::move(*grammar), words);
}

const std::vector<std::string>& schemas() {
  static const std::vector<std::string> kAll = {
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":6},)"
      R"("age":{"type":"integer","minimum":0,"maximum":130},"ok":{"type":"boolean"}},)"
      R"("required":["name","age"]})",
      R"({"type":"array","items":{"anyOf":[{"type":"null"},{"type":"number"},)"
      R"({"type":"string","minLength":2,"maxLength":3}]},"minItems":2,"maxItems":4})",
      R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{)"
      R"("l":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/t"}]},"v":{"enum":["abc","abd","x\"y",7]}},)"
      R"("required":["l","v"]}}})",
      R"({"type":"object","properties":{"name":{"type":"integer"}},)"
      R"("additionalProperties":{"type":"string","maxLength":2}})",
      R"({"type":"number","minimum":-3,"maximum":40})",
      R"({"type":"string","pattern":"^[a-z]{2,5}-[0-9]+$","maxLength":9})",
      R"({"type":"string","pattern":"[0-4]","maxLength":2})",
      R"({"type":"array","items":{"type":"string","pattern":"^(\\w|[^a\\s]|\\\\).?\"?$"},"maxItems":3})",
      R"({"anyOf":[{"format":"date"},{"format":"time"},{"format":"date-time"},{"format":"uuid"}]})",
      R"({"type":"integer","multipleOf":25,"minimum":-1000,"maximum":100000})",
      R"({"type":["number","null"],"multipleOf":7})"};
  return kAll;
}

// A model without preferences. Nothing where it did not come to an end.
std::optional<std::string> random_document(const std::shared_ptr<Constraint>& constraint,
                                           Random& random) {
  const auto all = tokens();
  ConstraintCursor cursor(constraint);
  std::string text;
  for (int step = 0; step < 2000 && !cursor.ended(); ++step) {
    const auto ids = cursor.allowed().ids(all.size());
    if (ids.empty()) {
      ADD_FAILURE() << "nothing may follow " << text;
      return std::nullopt;
    }
    const std::int64_t id = ids[random.below(ids.size())];
    const auto end = static_cast<std::int64_t>(all.size()) - 1;
    EXPECT_EQ(cursor.allowed()[static_cast<std::size_t>(end)], cursor.complete());
    if (id == end) break;
    cursor.accept(id);
    text += all[static_cast<std::size_t>(id)];
  }
  return cursor.complete() ? std::optional(text) : std::nullopt;
}

TEST(Constraint, ARandomModelAlwaysWritesAValidDocument) {
  Random random(5);
  for (const std::string& text : schemas()) {
    const json::value document_schema = json::parse(text);
    const auto constraint = constraint_for(document_schema);
    ASSERT_TRUE(constraint);
    // The verifier's own reading of the schema: the two must agree.
    const auto schema = Schema::parse(document_schema);
    ASSERT_TRUE(schema) << schema.error().message;
    int ended = 0;
    for (int i = 0; i < 200; ++i) {
      const auto document = random_document(constraint, random);
      if (!document) continue;
      ++ended;
      const auto value = parse_json(*document);
      ASSERT_TRUE(value) << *document;
      EXPECT_EQ(schema->mismatch(*value).value_or(""), "") << text << ": " << *document;
    }
    EXPECT_GT(ended, 150) << text;
  }
}

TEST(Constraint, AllowsATokenExactlyWhereItsBytesMayCome) {
  Random random(9);
  const auto all = tokens();
  for (const std::string& text : schemas()) {
    OutputForm form;
    form.text = OutputForm::Text::kSchema;
    form.schema = json::parse(text);
    form.where = "schema";
    auto grammar = grammar_of(form, ~ByteSet(), false);
    ASSERT_TRUE(grammar);
    Automaton plain(std::make_shared<const Grammar>(std::move(*grammar)));
    const auto constraint = constraint_for(form.schema);
    ConstraintCursor cursor(constraint);
    auto state = plain.start();
    for (int step = 0; step < 60 && !cursor.ended(); ++step) {
      const TokenMask& mask = cursor.allowed();
      for (std::size_t id = 0; id + 1 < all.size(); ++id) {
        auto at = state;
        for (const char c : all[id]) {
          if (at != Automaton::kDead) at = plain.next(at, static_cast<unsigned char>(c));
        }
        ASSERT_EQ(mask[id], at != Automaton::kDead) << text << ": token " << all[id];
      }
      auto ids = mask.ids(all.size() - 1);
      if (ids.empty()) break;
      const std::int64_t id = ids[random.below(ids.size())];
      cursor.accept(id);
      for (const char c : all[static_cast<std::size_t>(id)]) {
        state = plain.next(state, static_cast<unsigned char>(c));
      }
    }
  }
}

TEST(Constraint, CountsOnThroughAutomataThatFillUp) {
  constexpr int kLength = 9000;  // more states than an automaton keeps
  json::value schema = json::parse(R"({"type":"string"})");
  schema.as_object()["minLength"] = kLength;
  schema.as_object()["maxLength"] = kLength;
  const auto constraint = constraint_for(schema);
  ASSERT_TRUE(constraint);
  ConstraintCursor first(constraint);
  ConstraintCursor second(constraint);  // beside it, some way behind
  first.accept('"');
  second.accept('"');
  for (int i = 0; i < kLength; ++i) {
    ASSERT_TRUE(first.allowed()['a']) << i;
    ASSERT_FALSE(first.allowed()['"']) << i;
    first.accept('a');
    if (i % 3 != 0) continue;
    ASSERT_TRUE(second.allowed()['b']) << i;
    second.accept('b');
  }
  EXPECT_TRUE(second.allowed()['b']);
  EXPECT_FALSE(first.allowed()['a']);
  EXPECT_EQ(first.allowed().ids(1000), (std::vector<std::int64_t>{'"'}));
  first.accept('"');
  EXPECT_TRUE(first.ended());
}

TEST(Constraint, EndsOnlyWhatIsComplete) {
  const auto constraint = constraint_for(json::parse(R"({"type":"integer"})"));
  ASSERT_TRUE(constraint);
  const auto end = tokens().size() - 1;
  ConstraintCursor cursor(constraint);
  EXPECT_FALSE(cursor.allowed()[end]);
  cursor.accept('4');
  EXPECT_TRUE(cursor.allowed()[end]);
  EXPECT_TRUE(cursor.allowed()['2']);
  EXPECT_FALSE(cursor.ended());
  for (int i = 0; i < 17; ++i) cursor.accept('2');
  EXPECT_TRUE(cursor.ended()) << "eighteen digits are enough";
}

}  // namespace
}  // namespace hone::engine
