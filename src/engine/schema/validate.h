// JSON Schema (draft 2020-12), the part of it that is listed below: does a value hold to a schema?
// Any other keyword is refused by its name and place, because a schema that is checked in part
// would pass what it forbids.
//
//   auto schema = Schema::parse(document);
//   if (auto wrong = schema->mismatch(value)) …   // "$.items[3]: is a string; wanted: integer"
//
// Keywords: type, enum, const; minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf;
// minLength, maxLength, pattern, format (date, time, date-time, uuid); properties, required,
// additionalProperties, minProperties, maxProperties; items, prefixItems, minItems, maxItems,
// uniqueItems; allOf, anyOf, oneOf, not; $ref into the same document ("#", "#/$defs/name"). Without
// effect: $schema, $id, $comment, $defs, definitions, title, description, default, examples,
// deprecated, readOnly, writeOnly.
// Numbers are compared as doubles. One thread at a time, because of the patterns.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

class Schema {
 public:
  // kInvalid names the keyword and where it stands ("#/properties/age/format").
  [[nodiscard]] static Result<Schema> parse(const json::value& document);

  // The first thing that does not hold, or nothing. Work is bounded: what would take more than a
  // million steps (schemas that refer to themselves without end) does not hold either, and says so.
  [[nodiscard]] std::optional<std::string> mismatch(const json::value& value) const;

 private:
  struct Nodes;
  explicit Schema(std::shared_ptr<const Nodes> nodes) : nodes_(std::move(nodes)) {}
  std::shared_ptr<const Nodes> nodes_;
};

}  // namespace hone::engine
