// When two branches of a oneOf cannot both hold. A value that two of them allow would be invalid
// under it, so that a grammar that allows either is right only where they exclude each other.
#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "engine/constrain/schema.h"
#include "engine/constrain/schema_parts.h"

namespace hone::engine {
namespace {

constexpr int kDepth = 8;  // of references and of members within members

const json::object* behind_references(const json::value& schema, const json::value& root) {
  const json::value* at = &schema;
  for (int i = 0; at != nullptr && i < kDepth; ++i) {
    const auto* object = at->if_object();
    if (object == nullptr) return nullptr;
    const auto reference = string_or_empty(*object, "$ref");
    if (reference.empty()) return object;
    at = find_reference(root, reference);
  }
  return nullptr;
}

std::optional<std::span<const json::value>> values_of(const json::object& schema) {
  if (const auto* only = schema.if_contains("const")) return std::span(only, 1);
  const auto* list = schema.if_contains("enum");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  return std::span(list->get_array().data(), list->get_array().size());
}

// Integers are numbers here. Empty: unknown.
std::set<std::string> types_of(const json::object& schema) {
  std::set<std::string> types;
  const auto add = [&types](const json::value& name) {
    if (!name.is_string()) return;
    const auto text = json::value_to<std::string>(name);
    types.insert(text == "integer" ? "number" : text);
  };
  if (const auto* type = schema.if_contains("type")) {
    if (type->is_string()) add(*type);
    if (type->is_array()) std::for_each(type->get_array().begin(), type->get_array().end(), add);
  } else if (const auto values = values_of(schema)) {
    for (const json::value& value : *values) types.insert(constrain::type_name(value));
  } else if (schema.contains("properties")) {
    types.insert("object");  // as the grammar reads it
  }
  return types;
}

template <typename A, typename B>
bool share_one(const A& one, const B& other) {
  return std::any_of(one.begin(), one.end(), [&](const auto& item) {
    return std::find(other.begin(), other.end(), item) != other.end();
  });
}

std::vector<std::string> required_of(const json::object& schema) {
  std::vector<std::string> names;
  const auto* list = schema.if_contains("required");
  if (list == nullptr || !list->is_array()) return names;
  for (const json::value& name : list->get_array()) {
    if (name.is_string()) names.push_back(json::value_to<std::string>(name));
  }
  return names;
}

const json::object& properties_of(const json::object& schema) {
  static const json::object kNone;
  const auto* properties = schema.if_contains("properties");
  return properties != nullptr && properties->is_object() ? properties->get_object() : kNone;
}

// What `one` allows lacks a member that `other` requires.
bool lacks_what_is_required(const json::object& one, const json::object& other) {
  const auto& properties = properties_of(one);
  const auto* additional = one.if_contains("additionalProperties");
  const bool closed = additional == nullptr ? !properties.empty() : *additional == false;
  if (!closed) return false;
  const auto own = required_of(one);
  const auto asked = required_of(other);
  return std::any_of(asked.begin(), asked.end(), [&](const std::string& name) {
    return !properties.contains(name) && std::find(own.begin(), own.end(), name) == own.end();
  });
}

bool exclude(const json::value& one, const json::value& other, const json::value& root, int depth) {
  const auto* a = behind_references(one, root);
  const auto* b = behind_references(other, root);
  if (a == nullptr || b == nullptr || depth == 0) return false;
  const auto values_a = values_of(*a);
  const auto values_b = values_of(*b);
  if (values_a && values_b) return !share_one(*values_a, *values_b);
  const auto types_a = types_of(*a);
  const auto types_b = types_of(*b);
  if (types_a.empty() || types_b.empty()) return false;
  if (!share_one(types_a, types_b)) return true;
  const std::set<std::string> objects{"object"};
  if (types_a != objects || types_b != objects) return false;
  if (lacks_what_is_required(*a, *b) && lacks_what_is_required(*b, *a)) return true;
  const auto both = required_of(*b);
  for (const std::string& name : required_of(*a)) {
    if (std::find(both.begin(), both.end(), name) == both.end()) continue;
    const auto* in_a = properties_of(*a).if_contains(name);
    const auto* in_b = properties_of(*b).if_contains(name);
    if (in_a != nullptr && in_b != nullptr && exclude(*in_a, *in_b, root, depth - 1)) return true;
  }
  return false;
}

}  // namespace

bool exclude_each_other(const json::value& one, const json::value& other, const json::value& root) {
  return exclude(one, other, root, kDepth);
}

const json::value* find_reference(const json::value& root, std::string_view reference) {
  if (reference == "#") return &root;
  if (!reference.starts_with("#/")) return nullptr;
  const json::value* at = &root;
  for (std::size_t begin = 2; begin <= reference.size();) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    std::string name(reference.substr(begin, end - begin));
    for (const auto& [written, meant] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
      for (auto found = name.find(written); found != std::string::npos;
           found = name.find(written, found + 1)) {
        name.replace(found, 2, meant);
      }
    }
    const auto* object = at->if_object();
    if (object == nullptr) return nullptr;
    at = object->if_contains(name);
    if (at == nullptr) return nullptr;
    begin = end + 1;
  }
  return at;
}

}  // namespace hone::engine
