// A schema as it is checked: keywords read, references resolved. Only for this folder.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/schema/pattern.h"
#include "engine/schema/validate.h"

namespace hone::engine {

// Types as bits; an integer is a number too.
inline constexpr std::array<std::string_view, 7> kSchemaTypes = {
    "null", "boolean", "object", "array", "string", "number", "integer"};

struct SchemaNode {
  using Index = std::size_t;

  bool never = false;  // the schema `false`
  std::optional<unsigned> types;
  std::optional<std::vector<json::value>> values;  // enum, or the one of const
  std::optional<json::value> constant;
  std::optional<double> minimum, maximum, above, below, multiple_of;
  std::optional<std::int64_t> min_length, max_length;
  std::optional<Pattern> pattern, format;
  std::vector<std::pair<std::string, Index>> properties;
  std::vector<std::string> required;
  std::optional<Index> additional;
  std::optional<std::int64_t> min_properties, max_properties;
  std::vector<Index> prefix_items;
  std::optional<Index> items;  // of those behind prefix_items
  std::optional<std::int64_t> min_items, max_items;
  bool unique_items = false;
  std::vector<Index> all_of, any_of, one_of;  // empty: the keyword is absent
  std::optional<Index> negated;
  std::optional<Index> reference;
};

struct Schema::Nodes {
  std::vector<SchemaNode> all;  // the root first
};

}  // namespace hone::engine
