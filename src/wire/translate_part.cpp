#include "wire/translate_part.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hone::wire {
namespace {

constexpr std::size_t kNameInMessages = 80;

bool names(FieldNames list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

void write_number(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += json::serialize(json::value(number));
    return;
  }
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void write_plain(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    char before = '{';
    for (const auto& member : *object) {
      out.push_back(before);
      before = ',';
      out += json::serialize(json::string_view(member.key()));
      out.push_back(':');
      write_plain(member.value(), out);
    }
    out += before == '{' ? "{}" : "}";
  } else if (const auto* array = value.if_array()) {
    char before = '[';
    for (const auto& item : *array) {
      out.push_back(before);
      before = ',';
      write_plain(item, out);
    }
    out += before == '[' ? "[]" : "]";
  } else if (const double* number = value.if_double()) {
    write_number(*number, out);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string item_of(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::string member_of(std::string_view object, std::string_view name) {
  if (object.empty()) return std::string(name);
  return std::string(object) + "." + std::string(name);
}

std::unexpected<Error> untranslatable(std::string_view where, std::string_view why) {
  return fail(ErrorCode::kInvalid,
              "field '" + std::string(where) + "' cannot be translated: " + std::string(why));
}

Result<void> check_fields(const json::object& object, std::string_view where, FieldNames translated,
                          FieldNames left_out) {
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (member.value().is_null() || names(translated, name) || names(left_out, name)) continue;
    return untranslatable(member_of(where, name.substr(0, kNameInMessages)),
                          "the other format has no such field");
  }
  return {};
}

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::string> string_at(const json::object& object, std::string_view where,
                              std::string_view name) {
  const auto* value = given(object, name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  if (text != nullptr) return std::string(*text);
  return fail(ErrorCode::kInvalid, "field '" + member_of(where, name) + "' must be a string");
}

Result<const json::object*> object_in(const json::value& value, std::string_view where) {
  if (const auto* object = value.if_object()) return object;
  return fail(ErrorCode::kInvalid, "field '" + std::string(where) + "' must be an object");
}

Result<const json::array*> array_in(const json::value& value, std::string_view where) {
  if (const auto* array = value.if_array()) return array;
  return fail(ErrorCode::kInvalid, "field '" + std::string(where) + "' must be an array");
}

Result<const json::object*> object_member(const json::object& object, std::string_view where,
                                          std::string_view name) {
  static const json::value kAbsent;
  const auto* value = object.if_contains(name);
  return object_in(value == nullptr ? kAbsent : *value, member_of(where, name));
}

Result<const json::array*> array_member(const json::object& object, std::string_view where,
                                        std::string_view name) {
  static const json::value kAbsent;
  const auto* value = object.if_contains(name);
  return array_in(value == nullptr ? kAbsent : *value, member_of(where, name));
}

void copy_field(const json::object& from, std::string_view name, json::object& to,
                std::string_view as) {
  if (const auto* value = given(from, name)) to[as] = *value;
}

std::string plain_json(const json::value& value) {
  std::string out;
  write_plain(value, out);
  return out;
}

Result<json::object> arguments_object(const json::value* arguments, std::string_view where) {
  if (arguments == nullptr || arguments->is_null()) return json::object();
  if (const auto* object = arguments->if_object()) return *object;
  const auto* text = arguments->if_string();
  if (text != nullptr && text->empty()) return json::object();
  if (text != nullptr) {
    if (auto parsed = parse_json_object(*text)) return parsed;
  }
  return untranslatable(where, "the arguments of a call must be a JSON object");
}

json::value content_of_chat(json::array parts) {
  if (parts.empty()) return "";
  const auto& first = parts.front().get_object();
  if (parts.size() == 1 && first.contains("text")) return first.at("text");
  return parts;
}

std::string found_tool_text(std::string_view name) {
  return "Found the tool " + std::string(name) + "; it can be called now.";
}

std::string failed_result_text(std::string_view text) {
  return "Error: " + std::string(text);
}

std::string anthropic_tool_id(std::string_view id) {
  std::string out(id);
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return out;
}

}  // namespace hone::wire
