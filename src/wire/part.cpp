#include "wire/part.h"

#include <cmath>

#include "base/hash.h"

namespace hone::wire {
namespace {

constexpr std::size_t kShortestBytes =
    256;  // shorter ones are text under a name that bytes have, too
constexpr std::size_t kArgumentDepth = 32;            // leaves room for the message around them
constexpr double kWholeNumbers = 9007199254740992.0;  // 2^53: every whole double below is exact

void settle_numbers(json::value& value) {
  if (auto* object = value.if_object()) {
    for (auto& member : *object) settle_numbers(member.value());
  } else if (auto* array = value.if_array()) {
    for (auto& item : *array) settle_numbers(item);
  } else if (const double* number = value.if_double()) {
    const double whole = *number;
    if (std::abs(whole) <= kWholeNumbers && std::floor(whole) == whole) {
      value = static_cast<std::int64_t>(whole);
    }
  }
}

bool names_bytes(std::string_view key, std::string_view text) {
  if (text.size() < kShortestBytes) return false;
  return key == "data" || key == "file_data" || text.starts_with("data:");
}

json::value digest_of(std::string_view bytes) {
  return json::object{{"sha256", hex(sha256(bytes))}, {"size_bytes", bytes.size()}};
}

// A copy without cache markers, and with a digest in the place of bytes.
json::value settled(const json::value& value, std::string_view key) {
  if (const auto* object = value.if_object()) {
    json::object copy;
    for (const auto& member : *object) {
      if (member.key() == "cache_control") continue;
      copy.emplace(member.key(), settled(member.value(), member.key()));
    }
    return copy;
  }
  if (const auto* array = value.if_array()) {
    json::array copy;
    copy.reserve(array->size());
    for (const auto& item : *array) copy.push_back(settled(item, key));
    return copy;
  }
  if (const auto* text = value.if_string(); text != nullptr && names_bytes(key, *text)) {
    return digest_of(*text);
  }
  return value;
}

}  // namespace

void add_text(json::array& parts, std::string_view text) {
  if (!text.empty()) parts.push_back(json::object{{"type", "text"}, {"text", text}});
}

json::value canonical_arguments(const json::value& arguments) {
  json::value result = arguments;
  if (const auto* text = arguments.if_string()) {
    // A call without arguments is written as "" by some and "{}" by others.
    if (text->empty()) return json::object();
    auto parsed = parse_json(*text, {.depth = kArgumentDepth});
    if (!parsed || !parsed->is_object()) return arguments;
    result = std::move(*parsed);
  }
  if (result.is_null()) return json::object();
  settle_numbers(result);
  return result;
}

json::object other_part(const json::value& value) {
  return {{"type", "other"}, {"value", settled(value, {})}};
}

json::object image_part(const json::value& source) {
  return {{"type", "image"}, {"source", settled(source, {})}};
}

json::object tool_part(std::string_view name, std::string_view description,
                       const json::value* parameters) {
  json::object part{{"type", "tool"}, {"name", name}, {"description", description}};
  part.emplace("parameters", parameters == nullptr ? json::value(nullptr) : *parameters);
  return part;
}

json::object tool_result_part(std::string_view id, json::array content, bool is_error) {
  json::object part{{"type", "tool_result"}, {"id", id}, {"content", std::move(content)}};
  if (is_error) part.emplace("is_error", true);
  return part;
}

}  // namespace hone::wire
