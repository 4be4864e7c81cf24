// One JSON document type for everything (Boost.JSON), parsed with limits on size and depth, read
// with errors that name the field. `canonical` writes the one form that digests are made of: keys
// sorted, no blanks, numbers as Boost.JSON writes them.
//
//   auto document = parse_json(body);
//   auto kind = field<std::string>(object, "kind");           // required
//   auto at = optional_field<std::string>(object, "at");      // Result<std::optional<std::string>>
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

namespace json = boost::json;

struct JsonLimits {
  std::size_t size_bytes = 32U << 20;
  std::size_t depth = 64;
};

// The value lives in `memory`, which outlives it.
[[nodiscard]] Result<json::value> parse_json(std::string_view text, JsonLimits limits = {},
                                             json::storage_ptr memory = {});
[[nodiscard]] Result<json::object> parse_json_object(std::string_view text, JsonLimits limits = {});

[[nodiscard]] std::string canonical(const json::value& value);
// Appends `text` as a JSON string, with the quotes, as Boost.JSON writes it.
void append_json_string(std::string& out, std::string_view text);

// "string", "number", "object", …, for messages.
[[nodiscard]] std::string_view kind_name(const json::value& value);

// T is one of std::string, std::int64_t, double (takes integers too), bool, json::object,
// json::array.
template <typename T>
[[nodiscard]] Result<T> as(const json::value& value, std::string_view field_name);
template <>
Result<std::string> as(const json::value& value, std::string_view field_name);
template <>
Result<std::int64_t> as(const json::value& value, std::string_view field_name);
template <>
Result<double> as(const json::value& value, std::string_view field_name);
template <>
Result<bool> as(const json::value& value, std::string_view field_name);
template <>
Result<json::object> as(const json::value& value, std::string_view field_name);
template <>
Result<json::array> as(const json::value& value, std::string_view field_name);

template <typename T>
[[nodiscard]] Result<T> field(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) {
    return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' is missing");
  }
  return as<T>(*value, name);
}

// Absent and null are both "not given".
template <typename T>
[[nodiscard]] Result<std::optional<T>> optional_field(const json::object& object,
                                                      std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<T>();
  auto read = as<T>(*value, name);
  if (!read) return fail(read.error());
  return std::optional<T>(std::move(*read));
}

// Refuses a field that is not in `known`, with the nearest known name as a hint.
[[nodiscard]] Result<void> only_fields(const json::object& object,
                                       std::initializer_list<std::string_view> known);

// The known name nearest to `name` (Levenshtein distance at most 2), or empty.
[[nodiscard]] std::string_view nearest_name(std::string_view name,
                                            const std::vector<std::string_view>& known);

// Reads without complaint: the string at `name`, or "" where there is none.
[[nodiscard]] std::string_view string_or_empty(const json::object& object, std::string_view name);

}  // namespace hone
