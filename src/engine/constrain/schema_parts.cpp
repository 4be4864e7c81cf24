#include "engine/constrain/schema_parts.h"

#include <algorithm>
#include <cmath>

namespace hone::engine::constrain {
namespace {

constexpr std::int64_t kMaxCount = 1 << 20;  // of items and characters
constexpr std::size_t kShown = 64;

Result<std::uint32_t> count(const json::object& schema, std::string_view name,
                            const std::string& where, std::uint32_t otherwise) {
  const auto* given = schema.if_contains(name);
  if (given == nullptr) return otherwise;
  const auto number = as<std::int64_t>(*given, name);
  if (!number || *number < 0 || *number > kMaxCount) {
    return refused(member_of(where, name), "it must be an integer from 0 to 1048576");
  }
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::unexpected<Error> refused(const std::string& where, std::string_view why) {
  return fail(ErrorCode::kInvalid, "field '" + where + "': " + std::string(why));
}

std::string member_of(const std::string& where, std::string_view name) {
  return where + "." + std::string(name.substr(0, kShown));
}

std::string type_name(const json::value& value) {
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  return value.is_bool() ? "boolean" : "null";
}

bool is_of_type(const json::value& value, const std::set<std::string>& types) {
  if (types.contains(type_name(value))) return true;
  if (!value.is_number() || !types.contains("integer")) return false;
  const double number = value.to_number<double>();
  return std::floor(number) == number;
}

Result<std::set<std::string>> types_of(const json::object& schema, const std::string& where) {
  static const std::set<std::string> kTypes = {"object",  "array",   "string", "number",
                                               "integer", "boolean", "null"};
  std::set<std::string> types;
  const json::value* given = schema.if_contains("type");
  if (given == nullptr) return types;
  json::array names;
  if (given->is_array()) {
    names = given->get_array();
  } else {
    names.push_back(*given);
  }
  for (const json::value& name : names) {
    const auto* text = name.if_string();
    if (text == nullptr || !kTypes.contains(std::string(*text))) {
      return refused(where + ".type",
                     "a type is object, array, string, number, integer, boolean or null");
    }
    types.insert(std::string(*text));
  }
  if (types.empty()) return refused(where + ".type", "it must not be empty");
  if (types.contains("number")) types.erase("integer");
  return types;
}

Result<Counts> counts(const json::object& schema, std::string_view least_name,
                      std::string_view most_name, const std::string& where) {
  const auto least = count(schema, least_name, where, 0);
  if (!least) return fail(least.error());
  const auto most = count(schema, most_name, where, kNoLimit);
  if (!most) return fail(most.error());
  if (*least > *most) {
    return refused(member_of(where, least_name),
                   "it is more than '" + std::string(most_name) + "'");
  }
  return Counts{*least, *most};
}

Result<NumberBounds> bounds_of(const json::object& schema, const std::string& where,
                               bool integers) {
  NumberBounds bounds;
  for (const std::string_view name :
       {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
    const auto* given = schema.if_contains(name);
    if (given == nullptr) continue;
    const auto number = as<double>(*given, name);
    if (!number) return fail(number.error().with(where));
    const bool lower = name.ends_with("inimum");
    const bool open = name.starts_with("exclusive");
    const bool is_whole = std::floor(*number) == *number;
    if (!integers && !is_whole) {
      return refused(member_of(where, name), "of numbers only whole bounds can be had");
    }
    const double inside = lower ? std::ceil(*number) : std::floor(*number);
    const auto bound = static_cast<std::int64_t>(std::clamp(inside, -1e18, 1e18));
    const bool excluded = open && is_whole;
    auto& value = lower ? bounds.low : bounds.high;
    bool& outside = lower ? bounds.above_low : bounds.below_high;
    const bool tighter = !value || (lower ? bound > *value : bound < *value);
    if (tighter) outside = excluded;
    if (value && bound == *value) outside = outside || excluded;
    if (tighter) value = bound;
  }
  const auto* step = schema.if_contains("multipleOf");
  if (step == nullptr) return bounds;
  const auto number = as<double>(*step, "multipleOf");
  if (!number || *number < 1 || *number > 1e15 || std::floor(*number) != *number) {
    return refused(member_of(where, "multipleOf"), "only whole numbers from 1 to 1e15 can be had");
  }
  bounds.step = static_cast<std::int64_t>(*number);
  return bounds;
}

}  // namespace hone::engine::constrain
