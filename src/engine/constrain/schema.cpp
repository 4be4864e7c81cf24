#include "engine/constrain/schema_parts.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "engine/constrain/schema.h"
#include "engine/model/template_json.h"
#include "engine/schema/pattern.h"

namespace hone::engine::constrain {
namespace {

constexpr std::size_t kMaxNameBytes = 512;
constexpr std::size_t kMaxValues = 4096;  // of an enum
constexpr std::size_t kMaxMembers = 512;  // of an object; branches; tools

// Say something about a value to people, and nothing of what is valid.
constexpr auto kAnnotations = std::to_array<std::string_view>(
    {"title", "description", "default", "examples", "example", "$comment", "$schema", "$id",
     "deprecated", "readOnly", "writeOnly", "format", "contentMediaType", "contentEncoding",
     "$defs", "definitions"});
constexpr auto kOfAnyType = std::to_array<std::string_view>(
    {"$ref", "type", "enum", "const", "anyOf", "oneOf", "allOf", "uniqueItems"});

// Where no type is said, the keywords say it.
struct TypeKeywords {
  std::string_view type;
  std::array<std::string_view, 5> keywords;  // perhaps fewer
};
constexpr std::array<TypeKeywords, 4> kTypeKeywords = {
    {{"object", {"properties", "required", "additionalProperties", "minProperties"}},
     {"array", {"items", "prefixItems", "minItems", "maxItems"}},
     {"string", {"minLength", "maxLength", "pattern", "format"}},
     {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}}}};

// What texts of the schema's format match; empty where it is an annotation only.
std::string_view format_of(const json::object& schema) {
  return format_expression(string_or_empty(schema, "format"));
}

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether an answer is held to what the keyword says.
bool is_held(const json::object& schema, std::string_view name) {
  if (name == "format") return !format_of(schema).empty();
  const auto has = [name](const TypeKeywords& one) { return contains(one.keywords, name); };
  return contains(kOfAnyType, name) ||
         (!name.empty() && std::any_of(kTypeKeywords.begin(), kTypeKeywords.end(), has));
}

class SchemaReader {
 public:
  SchemaReader(GrammarBuilder& grammar, JsonGrammar& fragments, const json::value& root,
               std::string where)
      : grammar_(grammar), json_(fragments), root_(root), where_(std::move(where)) {}

  Result<NodeId> read_root(NodeId next) {
    const auto start = read(root_, where_, next);
    if (!start) return start;
    while (!waiting_.empty()) {  // not where the reference stands: chains of them may be long
      const Waiting one = std::move(waiting_.front());
      waiting_.pop_front();
      const auto body = read(*one.schema, one.where, kReturn);
      if (!body) return body;
      grammar_.define(one.rule, *body);
    }
    return start;
  }

 private:
  struct Waiting {
    const json::value* schema = nullptr;
    std::string where;
    RuleId rule = 0;
  };

  Result<NodeId> read(const json::value& given, const std::string& where, NodeId next) {
    if (given.is_bool()) return given.get_bool() ? json_.value(next) : grammar_.split({});
    const auto* schema = given.if_object();
    if (schema == nullptr) return refused(where, "a schema is an object, true or false");
    if (auto fine = check_keywords(*schema, where); !fine) return fail(fine.error());
    if (schema->contains("$ref")) return reference(*schema, where, next);
    if (schema->contains("const") || schema->contains("enum")) return values(*schema, where, next);
    for (const std::string_view name : {"anyOf", "oneOf", "allOf"}) {
      if (schema->contains(name)) return branches(*schema, name, where, next);
    }
    return typed(*schema, where, next);
  }

  static Result<void> check_keywords(const json::object& schema, const std::string& where) {
    for (const auto& member : schema) {
      const std::string_view name = member.key();
      if (is_held(schema, name) || contains(kAnnotations, name) || name.starts_with("x-")) continue;
      return refused(member_of(where, name), "hone-engine cannot hold an answer to it");
    }
    for (const auto& [name, idle] : {std::pair("uniqueItems", json::value(false)),
                                     std::pair("minProperties", json::value(0))}) {
      const auto* given = schema.if_contains(name);
      if (given == nullptr || *given == idle) continue;
      return refused(member_of(where, name), "hone-engine cannot hold an answer to it");
    }
    return {};
  }

  // Beside a keyword that says it all.
  static Result<void> check_alone(const json::object& schema, const std::string& where,
                                  std::initializer_list<std::string_view> allowed) {
    for (const auto& member : schema) {
      const std::string_view name = member.key();
      if (!is_held(schema, name) || contains(allowed, name)) continue;
      return refused(member_of(where, name),
                     "it cannot be had beside '" + std::string(*allowed.begin()) + "'");
    }
    return {};
  }

  Result<NodeId> reference(const json::object& schema, const std::string& where, NodeId next) {
    if (auto fine = check_alone(schema, where, {"$ref"}); !fine) return fail(fine.error());
    const auto pointer = field<std::string>(schema, "$ref");
    if (!pointer) return fail(pointer.error().with(where));
    if (const auto known = references_.find(*pointer); known != references_.end()) {
      return grammar_.call(known->second, next);
    }
    const json::value* target = find_reference(root_, *pointer);
    if (target == nullptr) {
      return refused(where + ".$ref",
                     "there is no '" + pointer->substr(0, kMaxNameBytes) + "' in this schema");
    }
    std::string place = where_;
    for (const char c : pointer->substr(1, kMaxNameBytes)) place += c == '/' ? '.' : c;
    const RuleId rule = grammar_.declare(place);
    references_.emplace(*pointer, rule);
    waiting_.push_back({target, place, rule});
    return grammar_.call(rule, next);
  }

  Result<NodeId> values(const json::object& schema, const std::string& where, NodeId next) {
    const bool one = schema.contains("const");
    const std::string_view name = one ? "const" : "enum";
    if (auto fine = check_alone(schema, where, {name, "type"}); !fine) return fail(fine.error());
    json::array all;
    if (one) {
      all.push_back(schema.at("const"));
    } else {
      auto list = field<json::array>(schema, "enum");
      if (!list) return fail(list.error().with(where));
      all = std::move(*list);
    }
    if (all.empty() || all.size() > kMaxValues) {
      return refused(member_of(where, name), "it must have 1 to 4096 values");
    }
    const auto types = types_of(schema, where);
    if (!types) return fail(types.error());
    std::vector<std::string> texts;
    for (const json::value& value : all) {
      if (types->empty() || is_of_type(value, *types)) texts.push_back(template_json(value));
    }
    if (texts.empty()) return refused(member_of(where, name), "no value of it is of the type");
    return grammar_.one_of(std::move(texts), next);
  }

  Result<NodeId> branches(const json::object& schema, std::string_view name,
                          const std::string& where, NodeId next) {
    if (auto fine = check_alone(schema, where, {name}); !fine) return fail(fine.error());
    const auto list = field<json::array>(schema, name);
    if (!list) return fail(list.error().with(where));
    const std::string at = member_of(where, name);
    if (list->empty() || list->size() > kMaxMembers) {
      return refused(at, "it must have 1 to 512 schemas");
    }
    if (name == "allOf" && list->size() > 1) {
      return refused(at, "hone-engine cannot hold an answer to several schemas at once");
    }
    std::vector<NodeId> ways;
    for (std::size_t i = 0; i < list->size(); ++i) {
      for (std::size_t j = 0; name == "oneOf" && j < i; ++j) {
        if (exclude_each_other((*list)[j], (*list)[i], root_)) continue;
        return refused(at, "schemas " + std::to_string(j) + " and " + std::to_string(i) +
                               " may both hold, as far as hone-engine can tell; anyOf allows that");
      }
      auto way = read((*list)[i], at + "[" + std::to_string(i) + "]", next);
      if (!way) return way;
      ways.push_back(*way);
    }
    return grammar_.split(std::move(ways));
  }

  Result<NodeId> typed(const json::object& schema, const std::string& where, NodeId next) {
    auto types = types_of(schema, where);
    if (!types) return fail(types.error());
    if (types->empty()) {
      for (const TypeKeywords& one : kTypeKeywords) {
        for (const std::string_view keyword : one.keywords) {
          if (schema.contains(keyword) && is_held(schema, keyword)) types->emplace(one.type);
        }
      }
    }
    if (types->empty()) return json_.value(next);
    std::vector<NodeId> ways;
    for (const std::string& type : *types) {
      auto way = of_type(type, schema, where, next);
      if (!way) return way;
      ways.push_back(*way);
    }
    return grammar_.split(std::move(ways));
  }

  Result<NodeId> of_type(const std::string& type, const json::object& schema,
                         const std::string& where, NodeId next) {
    if (type == "object") return object(schema, where, next);
    if (type == "array") return array(schema, where, next);
    if (type == "string") return string(schema, where, next);
    if (type == "boolean") return json_.boolean(next);
    if (type == "null") return grammar_.literal("null", next);
    // Multiples of whole numbers are whole.
    const bool whole = type == "integer" || schema.contains("multipleOf");
    const auto bounds = bounds_of(schema, where, whole);
    if (!bounds) return fail(bounds.error());
    if (!JsonGrammar::can_step(*bounds)) {
      return refused(where + ".multipleOf",
                     "above 100 (zeros at its end aside) it needs bounds with fewer than 4096 "
                     "multiples between them");
    }
    return whole ? json_.integer(*bounds, next) : json_.number(*bounds, next);
  }

  Result<NodeId> string(const json::object& schema, const std::string& where, NodeId next) {
    const auto length = counts(schema, "minLength", "maxLength", where);
    if (!length) return fail(length.error());
    const auto pattern = optional_field<std::string>(schema, "pattern");
    if (!pattern) return fail(pattern.error().with(where));
    const std::string_view format = format_of(schema);
    if (!*pattern && format.empty()) return json_.string(length->least, length->most, next);
    if (*pattern && !format.empty())
      return refused(where + ".format", "it cannot be had beside 'pattern'");
    const std::string expression = *pattern ? **pattern : "^(?:" + std::string(format) + ")$";
    auto text = json_.string_with(expression, {length->least, length->most}, next);
    if (!text) return refused(where + (*pattern ? ".pattern" : ".format"), text.error().message);
    return text;
  }

  Result<RuleId> rule_of(const json::value& schema, const std::string& where) {
    const auto start = read(schema, where, kReturn);
    if (!start) return fail(start.error());
    return grammar_.rule(where, *start);
  }

  Result<NodeId> array(const json::object& schema, const std::string& where, NodeId next) {
    const auto length = counts(schema, "minItems", "maxItems", where);
    if (!length) return fail(length.error());
    const auto first = optional_field<json::array>(schema, "prefixItems");
    if (!first) return fail(first.error().with(where));
    std::vector<RuleId> rules;
    for (std::size_t i = 0; *first && i < (*first)->size(); ++i) {
      auto rule = rule_of((**first)[i], where + ".prefixItems[" + std::to_string(i) + "]");
      if (!rule) return fail(rule.error());
      rules.push_back(*rule);
    }
    if (rules.size() > kMaxMembers) return refused(where + ".prefixItems", "at most 512");
    // Behind the first ones: as `items` says; where it says nothing, nothing, or anything where
    // there are no first ones either.
    const auto* items = schema.if_contains("items");
    const json::value anything = true;
    const json::value* rest = items != nullptr ? items : rules.empty() ? &anything : nullptr;
    if (rest != nullptr && *rest == json::value(false)) rest = nullptr;
    std::optional<RuleId> item;
    if (rest != nullptr) {
      auto rule = rule_of(*rest, where + ".items");
      if (!rule) return fail(rule.error());
      item = *rule;
    }
    return array_of(rules, item, *length, next);
  }

  NodeId array_of(const std::vector<RuleId>& first, std::optional<RuleId> rest, Counts length,
                  NodeId next) {
    const NodeId close = grammar_.byte(']', next);
    const auto known = static_cast<std::uint32_t>(first.size());
    const std::uint32_t at_end = std::max(known, 1U);
    const auto rule_at = [&](std::uint32_t i) {
      return i < known ? std::optional(first[i]) : rest;
    };
    // What may follow when `done` items are there; from `at_end` on they are all alike.
    NodeId node = length.least > at_end ? grammar_.split({}) : close;
    if (rest && length.most > at_end) {
      const RuleId another = grammar_.rule("an item", json_.comma(grammar_.call(*rest, kReturn)));
      const std::uint32_t most = length.most == kNoLimit ? kNoLimit : length.most - at_end;
      node = grammar_.repeat(another, length.least - std::min(length.least, at_end), most, close);
    }
    if (length.most < at_end) node = grammar_.split({});
    for (std::uint32_t done = at_end; done-- > 0;) {
      std::vector<NodeId> ways;
      if (done >= length.least && done <= length.most) ways.push_back(close);
      if (const auto rule = rule_at(done); rule && done < length.most) {
        const NodeId one = grammar_.call(*rule, node);
        ways.push_back(done == 0 ? one : json_.comma(one));
      }
      node = grammar_.split(std::move(ways));
    }
    return grammar_.byte('[', node);
  }

  struct Member {
    RuleId rule = 0;
    bool required = false;
  };

  Result<NodeId> object(const json::object& schema, const std::string& where, NodeId next) {
    const auto properties = optional_field<json::object>(schema, "properties");
    if (!properties) return fail(properties.error().with(where));
    const auto required = optional_field<json::array>(schema, "required");
    if (!required) return fail(required.error().with(where));
    std::set<std::string> needed;
    std::vector<std::string> names;
    if (*properties) {
      for (const auto& member : **properties) names.emplace_back(member.key());
    }
    for (std::size_t i = 0; *required && i < (*required)->size(); ++i) {
      auto name = as<std::string>((**required)[i], where + ".required");
      if (!name) return fail(name.error());
      needed.insert(*name);
      if (!contains(names, *name)) names.push_back(std::move(*name));
    }
    if (names.size() > kMaxMembers) return refused(where, "at most 512 properties can be had");
    // Closed where properties are named and nothing is said of others.
    const bool named = *properties && !(*properties)->empty();
    const json::value anything = !named;
    const auto* said = schema.if_contains("additionalProperties");
    const json::value& others = said != nullptr ? *said : anything;
    std::vector<Member> members;
    for (const std::string& name : names) {
      if (name.size() > kMaxNameBytes) return refused(where, "a property's name is too long");
      const auto* own = *properties ? (*properties)->if_contains(name) : nullptr;
      const bool known = own != nullptr;
      const bool loose = !known && said == nullptr;  // required only: anything
      const json::value any = true;
      const auto value =
          read(known   ? *own
               : loose ? any
                       : others,
               member_of(where + (known ? ".properties" : ".required"), name), kReturn);
      if (!value) return value;
      std::string text;
      append_json_string(text, name);
      members.push_back({grammar_.rule(where, grammar_.literal(text, json_.colon(*value))),
                         needed.contains(name)});
    }
    std::optional<RuleId> other;
    if (others != json::value(false)) {
      const auto value = read(others, where + ".additionalProperties", kReturn);
      if (!value) return value;
      const NodeId rest = json_.colon(*value);
      other = grammar_.rule(
          where, names.empty() ? json_.string(0, kNoLimit, rest) : json_.other_name(names, rest));
    }
    return object_of(members, other, next);
  }

  // Two chains: before the first member is there, and after, when a comma comes before the next.
  NodeId object_of(const std::vector<Member>& members, std::optional<RuleId> other, NodeId next) {
    const NodeId close = grammar_.byte('}', next);
    NodeId later = close;
    NodeId first = close;
    if (other) {
      const RuleId another = grammar_.rule("a member", json_.comma(grammar_.call(*other, kReturn)));
      later = grammar_.repeat(another, 0, kNoLimit, close);
      first = grammar_.maybe(grammar_.call(*other, later), close);
    }
    for (auto member = members.rbegin(); member != members.rend(); ++member) {
      const NodeId as_first = grammar_.call(member->rule, later);
      const NodeId as_later = json_.comma(as_first);
      first = member->required ? as_first : grammar_.maybe(as_first, first);
      later = member->required ? as_later : grammar_.maybe(as_later, later);
    }
    return grammar_.byte('{', first);
  }

  GrammarBuilder& grammar_;
  JsonGrammar& json_;
  const json::value& root_;
  const std::string where_;
  std::map<std::string, RuleId> references_;
  std::deque<Waiting> waiting_;
};

}  // namespace

Result<NodeId> read_schema(GrammarBuilder& grammar, JsonGrammar& fragments, const json::value& root,
                           const std::string& where, NodeId next) {
  return SchemaReader(grammar, fragments, root, where).read_root(next);
}

}  // namespace hone::engine::constrain
