#include <algorithm>
#include <array>
#include <map>

#include "engine/schema/nodes.h"

namespace hone::engine {
namespace {

using Index = SchemaNode::Index;

constexpr std::size_t kMostNodes = 10'000;
constexpr std::size_t kDeepest = 256;  // references count, as they are followed here

constexpr std::array<std::string_view, 39> kKeywords = {"type",
                                                        "enum",
                                                        "const",
                                                        "minimum",
                                                        "maximum",
                                                        "exclusiveMinimum",
                                                        "exclusiveMaximum",
                                                        "multipleOf",
                                                        "minLength",
                                                        "maxLength",
                                                        "pattern",
                                                        "format",
                                                        "properties",
                                                        "required",
                                                        "additionalProperties",
                                                        "minProperties",
                                                        "maxProperties",
                                                        "items",
                                                        "prefixItems",
                                                        "minItems",
                                                        "maxItems",
                                                        "uniqueItems",
                                                        "allOf",
                                                        "anyOf",
                                                        "oneOf",
                                                        "not",
                                                        "$ref",
                                                        "$schema",
                                                        "$id",
                                                        "$comment",
                                                        "$defs",
                                                        "definitions",
                                                        "title",
                                                        "description",
                                                        "default",
                                                        "examples",
                                                        "deprecated",
                                                        "readOnly",
                                                        "writeOnly"};

class Parser {
 public:
  explicit Parser(const json::value& document) : document_(document) {}

  Result<std::vector<SchemaNode>> parse() {
    if (auto root = node_of(document_, "#"); !root) return fail(root.error());
    return std::move(nodes_);
  }

 private:
  static std::unexpected<Error> wrong(const std::string& place, const std::string& what) {
    return fail(ErrorCode::kInvalid, "the JSON schema: " + place + ": " + what);
  }

  // The node of the schema at `value`, made at its first mention, so that references may go round.
  Result<Index> node_of(const json::value& value, const std::string& place) {
    if (const auto known = made_.find(&value); known != made_.end()) return known->second;
    if (!value.is_object() && !value.is_bool())
      return wrong(place, "a schema is an object, true or false");
    if (nodes_.size() >= kMostNodes) return wrong(place, "there are more than 10000 schemas");
    if (depth_ >= kDeepest) return wrong(place, "it is nested too deeply");
    const Index index = nodes_.size();
    made_[&value] = index;
    nodes_.emplace_back();
    SchemaNode node;
    if (value.is_bool()) {
      node.never = !value.get_bool();
    } else {
      ++depth_;
      auto read = read_object(value.get_object(), place, node);
      --depth_;
      if (!read) return fail(read.error());
    }
    nodes_[index] = std::move(node);
    return index;
  }

  Result<void> read_object(const json::object& object, const std::string& place, SchemaNode& node) {
    for (const auto& [key, value] : object) {
      if (std::find(kKeywords.begin(), kKeywords.end(), std::string_view(key)) == kKeywords.end())
        return wrong(place, "keyword '" + std::string(key) + "' is not supported");
      const std::string here = place + "/" + std::string(key);
      for (const auto read : {&Parser::read_plain, &Parser::read_bound, &Parser::read_children,
                              &Parser::read_choices}) {
        if (auto done = (this->*read)(key, value, here, node); !done) return done;
      }
    }
    return {};
  }

  Result<void> read_plain(std::string_view key, const json::value& value, const std::string& place,
                          SchemaNode& node) {
    if (key == "type") return read_type(value, place, node);
    if (key == "const") node.constant = value;
    if (key == "enum") {
      if (!value.is_array()) return wrong(place, "must be a list");
      node.values.emplace(value.get_array().begin(), value.get_array().end());
    }
    if (key == "uniqueItems") {
      if (!value.is_bool()) return wrong(place, "must be true or false");
      node.unique_items = value.get_bool();
    }
    if (key == "pattern") {
      if (!value.is_string()) return wrong(place, "must be a string");
      auto pattern =
          Pattern::compile(std::string_view(value.get_string()), Pattern::Where::kAnywhere);
      if (!pattern) return wrong(place, pattern.error().message);
      node.pattern = std::move(*pattern);
    }
    if (key == "format") {
      const std::string_view expression =
          value.is_string() ? format_expression(value.get_string()) : std::string_view();
      if (expression.empty())
        return wrong(place, "'format' is checked for date, time, date-time and uuid only");
      auto pattern = Pattern::compile(expression, Pattern::Where::kWhole);
      if (!pattern) return wrong(place, pattern.error().message);
      node.format = std::move(*pattern);
    }
    if (key == "required") {
      if (!value.is_array()) return wrong(place, "must be a list of strings");
      for (const json::value& name : value.get_array()) {
        if (!name.is_string()) return wrong(place, "must be a list of strings");
        node.required.emplace_back(name.get_string());
      }
    }
    return {};
  }

  Result<void> read_type(const json::value& value, const std::string& place, SchemaNode& node) {
    const json::array names = value.is_array() ? value.get_array() : json::array{value};
    node.types = 0;
    for (const json::value& name : names) {
      const auto known = name.is_string() ? std::find(kSchemaTypes.begin(), kSchemaTypes.end(),
                                                      std::string_view(name.get_string()))
                                          : kSchemaTypes.end();
      if (known == kSchemaTypes.end())
        return wrong(place, json::serialize(name) + " is no type of JSON Schema");
      *node.types |= 1U << static_cast<unsigned>(known - kSchemaTypes.begin());
    }
    return {};
  }

  Result<void> read_bound(std::string_view key, const json::value& value, const std::string& place,
                          SchemaNode& node) {
    const std::array numbers = {
        std::pair("minimum", &node.minimum), std::pair("maximum", &node.maximum),
        std::pair("exclusiveMinimum", &node.above), std::pair("exclusiveMaximum", &node.below),
        std::pair("multipleOf", &node.multiple_of)};
    for (const auto& [name, target] : numbers) {
      if (key != name) continue;
      auto number = as<double>(value, name);
      if (!number) return wrong(place, "must be a number");
      if (key == "multipleOf" && !(*number > 0)) return wrong(place, "must be above 0");
      *target = *number;
    }
    const std::array counts = {std::pair("minLength", &node.min_length),
                               std::pair("maxLength", &node.max_length),
                               std::pair("minItems", &node.min_items),
                               std::pair("maxItems", &node.max_items),
                               std::pair("minProperties", &node.min_properties),
                               std::pair("maxProperties", &node.max_properties)};
    for (const auto& [name, target] : counts) {
      if (key != name) continue;
      auto count = as<std::int64_t>(value, name);
      if (!count || *count < 0) return wrong(place, "must be a whole number, not below 0");
      *target = *count;
    }
    return {};
  }

  Result<void> read_children(std::string_view key, const json::value& value,
                             const std::string& place, SchemaNode& node) {
    if (key == "properties") {
      if (!value.is_object()) return wrong(place, "must be an object of schemas");
      for (const auto& [name, schema] : value.get_object()) {
        auto child = node_of(schema, place + "/" + std::string(name));
        if (!child) return fail(child.error());
        node.properties.emplace_back(name, *child);
      }
    }
    if (key == "$ref") {
      auto target = find(value, place);
      if (!target) return fail(target.error());
      node.reference = *target;
    }
    const std::array single = {std::pair("additionalProperties", &node.additional),
                               std::pair("items", &node.items), std::pair("not", &node.negated)};
    for (const auto& [name, target] : single) {
      if (key != name) continue;
      if (value.is_array())
        return wrong(place, "must be one schema; a list of them is spelled prefixItems");
      auto child = node_of(value, place);
      if (!child) return fail(child.error());
      *target = *child;
    }
    return {};
  }

  Result<void> read_choices(std::string_view key, const json::value& value,
                            const std::string& place, SchemaNode& node) {
    const std::array lists = {std::pair("allOf", &node.all_of), std::pair("anyOf", &node.any_of),
                              std::pair("oneOf", &node.one_of),
                              std::pair("prefixItems", &node.prefix_items)};
    for (const auto& [name, target] : lists) {
      if (key != name) continue;
      if (!value.is_array() || value.get_array().empty())
        return wrong(place, "must be a list of schemas, not empty");
      for (std::size_t i = 0; i < value.get_array().size(); ++i) {
        auto child = node_of(value.get_array()[i], place + "/" + std::to_string(i));
        if (!child) return fail(child.error());
        target->push_back(*child);
      }
    }
    return {};
  }

  // A JSON pointer (RFC 6901) behind '#'.
  Result<Index> find(const json::value& reference, const std::string& place) {
    if (!reference.is_string()) return wrong(place, "must be a string");
    const std::string text(reference.get_string());
    if (!text.starts_with('#') || text.find('%') != std::string::npos)
      return wrong(place, "'" + text + "' does not point into the schema: write \"#/$defs/name\"");
    json::error_code bad;
    const json::value* target =
        text == "#" ? &document_ : document_.find_pointer(std::string_view(text).substr(1), bad);
    if (target == nullptr) return wrong(place, "there is nothing at '" + text + "'");
    return node_of(*target, text);
  }

  const json::value& document_;
  std::vector<SchemaNode> nodes_;
  std::map<const json::value*, Index> made_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<Schema> Schema::parse(const json::value& document) {
  auto nodes = Parser(document).parse();
  if (!nodes) return fail(nodes.error());
  return Schema(std::make_shared<const Nodes>(Nodes{std::move(*nodes)}));
}

}  // namespace hone::engine
