#include "engine/verify/verifier.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

#include "engine/model/utf8.h"
#include "engine/schema/pattern.h"
#include "engine/schema/validate.h"
#include "engine/verify/rules.h"

namespace hone::engine {
namespace {

constexpr std::size_t kExcerpt = 80;

struct Type {
  std::string_view name;
  Result<Verifier::Rule> (*rule)(const json::object&);
};

constexpr std::array kTypes = {Type{"exact", exact_rule}, Type{"regex", regex_rule},
                               Type{"numeric", numeric_rule}, Type{"json_schema", json_schema_rule},
                               Type{"unit_tests", unit_tests_rule}};

enum class Normalise { kNone, kBlanks, kWords };

struct FreeText {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

// Composed (NFC), and with `words` case-folded.
std::string composed(std::string_view text, bool words) {
  unsigned options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (words) options |= UTF8PROC_CASEFOLD;
  const std::string valid = replace_invalid_utf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                                 static_cast<utf8proc_ssize_t>(valid.size()), &mapped,
                                 static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, FreeText> owner(mapped);
  if (size < 0) return valid;
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

bool is_punctuation(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return true;
    default:
      return false;
  }
}

std::string normalised(std::string_view text, Normalise how) {
  if (how == Normalise::kNone) return std::string(text);
  const bool words = how == Normalise::kWords;
  const std::string all = composed(text, words);
  std::string result;
  bool blank = false;
  for (std::size_t at = 0; at < all.size();) {
    const Character character = character_at(all, at);
    at += character.size;
    if (is_white_space(character.code)) {
      blank = true;
      continue;
    }
    if (words && is_punctuation(character.code)) continue;
    if (blank && !result.empty()) result += ' ';
    blank = false;
    append_utf8(result, character.code);
  }
  return result;
}

Result<std::vector<std::string>> answers_field(const json::object& object) {
  const json::value* value = object.if_contains("answer");
  if (value != nullptr && value->is_string()) return std::vector{std::string(value->get_string())};
  auto array = field<json::array>(object, "answer");
  if (!array) return fail(array.error());
  std::vector<std::string> answers;
  for (const json::value& each : *array) {
    auto text = as<std::string>(each, "answer");
    if (!text) return fail(text.error());
    answers.push_back(std::move(*text));
  }
  if (answers.empty()) return fail(ErrorCode::kInvalid, "field 'answer' is an empty list");
  return answers;
}

}  // namespace

Result<std::size_t> choice_field(const json::object& object, std::string_view name,
                                 std::initializer_list<std::string_view> names) {
  auto text = optional_field<std::string>(object, name);
  if (!text) return fail(text.error());
  if (!*text) return std::size_t{0};
  std::string known;
  std::size_t index = 0;
  for (const std::string_view each : names) {
    if (each == **text) return index;
    known += (index++ == 0 ? "\"" : ", \"") + std::string(each) + "\"";
  }
  return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' must be one of " + known);
}

std::string excerpt(std::string_view text) {
  std::string shown(text.substr(0, kExcerpt));
  shown.resize(shown.size() - incomplete_utf8_tail(shown));
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  return "'" + shown + (text.size() > kExcerpt ? "…'" : "'");
}

std::optional<std::string_view> fenced(std::string_view answer) {
  constexpr std::string_view kFence = "```";
  const auto open = answer.find(kFence);
  if (open == std::string_view::npos) return std::nullopt;
  const auto line = answer.find('\n', open);  // behind the fence stands the language
  if (line == std::string_view::npos) return std::nullopt;
  const std::string_view inside = answer.substr(line + 1);
  return inside.substr(0, inside.find(kFence));
}

Result<Verifier::Rule> exact_rule(const json::object& object) {
  if (auto known = only_fields(object, {"type", "answer", "normalise"}); !known)
    return fail(known.error());
  auto answers = answers_field(object);
  if (!answers) return fail(answers.error());
  auto chosen = choice_field(object, "normalise", {"blanks", "none", "words"});
  if (!chosen) return fail(chosen.error());
  constexpr std::array kKinds = {Normalise::kBlanks, Normalise::kNone, Normalise::kWords};
  const Normalise how = kKinds[*chosen];
  for (std::string& answer : *answers) answer = normalised(answer, how);
  return [answers = std::move(*answers), how](std::string_view answer,
                                              const VerifyOptions&) -> Result<Verdict> {
    const std::string given = normalised(answer, how);
    if (std::find(answers.begin(), answers.end(), given) != answers.end())
      return Verdict{1.0, "equal"};
    return Verdict{0.0, excerpt(given) + " instead of " + excerpt(answers.front())};
  };
}

Result<Verifier::Rule> regex_rule(const json::object& object) {
  if (auto known = only_fields(object, {"type", "pattern", "match"}); !known)
    return fail(known.error());
  auto expression = field<std::string>(object, "pattern");
  if (!expression) return fail(expression.error());
  auto chosen = choice_field(object, "match", {"search", "full"});
  if (!chosen) return fail(chosen.error());
  auto pattern = Pattern::compile(
      *expression, *chosen == 0 ? Pattern::Where::kAnywhere : Pattern::Where::kWhole);
  if (!pattern) return fail(pattern.error().with("field 'pattern'"));
  return [pattern = *pattern](std::string_view answer, const VerifyOptions&) -> Result<Verdict> {
    if (pattern.matches(answer)) return Verdict{1.0, "matches"};
    return Verdict{0.0, excerpt(answer) + " does not match"};
  };
}

Result<Verifier::Rule> json_schema_rule(const json::object& object) {
  if (auto known = only_fields(object, {"type", "schema"}); !known) return fail(known.error());
  const json::value* document = object.if_contains("schema");
  if (document == nullptr) return fail(ErrorCode::kInvalid, "field 'schema' is missing");
  auto schema = Schema::parse(*document);
  if (!schema) return fail(schema.error().with("field 'schema'"));
  return [schema = *schema](std::string_view answer, const VerifyOptions&) -> Result<Verdict> {
    const std::string_view text = strip(answer);
    const auto inside = text.starts_with("```") ? fenced(text) : std::nullopt;
    const auto value = parse_json(inside.value_or(text), {.size_bytes = 1U << 20});
    if (!value) return Verdict{0.0, "is no JSON: " + value.error().message};
    if (const auto wrong = schema.mismatch(*value)) return Verdict{0.0, *wrong};
    return Verdict{1.0, "holds to the schema"};
  };
}

Result<Verifier> Verifier::parse(const json::object& object) {
  auto name = field<std::string>(object, "type");
  if (!name) return fail(name.error().with("verifier"));
  std::string known;
  for (const Type& type : kTypes) {
    if (type.name == *name) {
      auto rule = type.rule(object);
      if (!rule) return fail(rule.error().with("verifier '" + *name + "'"));
      return Verifier(std::move(*rule));
    }
    known += (known.empty() ? "\"" : ", \"") + std::string(type.name) + "\"";
  }
  return fail(ErrorCode::kInvalid, "verifier: field 'type' must be one of " + known);
}

}  // namespace hone::engine
