#include "wire/openai_chat.h"

#include "wire/message.h"
#include "wire/part.h"

namespace hone::wire {
namespace {

// "developer" is what newer models call the system role; "function" is what tools were called
// first.
std::string_view neutral_role(std::string_view role) {
  if (role == "developer") return "system";
  if (role == "function") return "tool";
  return role;
}

void add_part(json::array& parts, const json::value& part) {
  const auto* object = part.if_object();
  if (object == nullptr) {
    if (const auto* text = part.if_string()) add_text(parts, *text);
    return;
  }
  const std::string_view type = string_or_empty(*object, "type");
  if (type == "text" || type == "output_text" || type == "input_text") {
    add_text(parts, string_or_empty(*object, "text"));
  } else if (const auto* image = object->if_contains("image_url"); type == "image_url" && image) {
    parts.push_back(image_part(*image));
  } else if (type != "refusal" || !string_or_empty(*object, "refusal").empty()) {
    parts.push_back(other_part(part));
  }
}

json::array read_content(const json::object& message) {
  json::array parts;
  const auto* content = message.if_contains("content");
  if (content == nullptr) return parts;
  if (const auto* text = content->if_string()) {
    add_text(parts, *text);
  } else if (const auto* items = content->if_array()) {
    for (const json::value& item : *items) add_part(parts, item);
  }
  return parts;
}

void add_tool_call(json::array& parts, const json::value& value) {
  const auto* call = value.if_object();
  if (call == nullptr) return;
  // {"type": "function", "function": {"name", "arguments"}}, or "custom" with "input".
  const json::value* inner = call->if_contains("function");
  if (inner == nullptr) inner = call->if_contains("custom");
  if (inner == nullptr || !inner->is_object()) {
    parts.push_back(other_part(value));
    return;
  }
  const json::object& function = inner->get_object();
  const json::value* arguments = function.if_contains("arguments");
  if (arguments == nullptr) arguments = function.if_contains("input");
  parts.push_back(
      json::object{{"type", "tool_call"},
                   {"id", string_or_empty(*call, "id")},
                   {"name", string_or_empty(function, "name")},
                   {"arguments", canonical_arguments(arguments == nullptr ? "" : *arguments)}});
}

json::object read_tool_message(const json::object& message) {
  std::string_view id = string_or_empty(message, "tool_call_id");
  if (id.empty()) id = string_or_empty(message, "name");
  return make_message("tool", {tool_result_part(id, read_content(message), false)});
}

void add_tools(std::vector<json::object>& messages, const json::object& body) {
  const auto* value = body.if_contains("tools");
  const auto* tools = value == nullptr ? nullptr : value->if_array();
  if (tools == nullptr || tools->empty()) return;
  json::array parts;
  for (const json::value& tool : *tools) {
    const auto* object = tool.if_object();
    const auto* inner = object == nullptr ? nullptr : object->if_contains("function");
    const auto* function = inner == nullptr ? nullptr : inner->if_object();
    if (function == nullptr) {
      parts.push_back(other_part(tool));
    } else {
      parts.push_back(tool_part(string_or_empty(*function, "name"),
                                string_or_empty(*function, "description"),
                                function->if_contains("parameters")));
    }
  }
  messages.push_back(make_message("tools", std::move(parts)));
}

}  // namespace

json::object read_openai_message(const json::object& message) {
  const std::string_view role = neutral_role(string_or_empty(message, "role"));
  if (role == "tool") return read_tool_message(message);
  json::array parts = read_content(message);
  if (const std::string_view refusal = string_or_empty(message, "refusal"); !refusal.empty()) {
    parts.push_back(other_part(json::object{{"type", "refusal"}, {"refusal", refusal}}));
  }
  if (const auto* calls = message.if_contains("tool_calls"); calls && calls->is_array()) {
    for (const json::value& call : calls->get_array()) add_tool_call(parts, call);
  }
  if (const auto* call = message.if_contains("function_call"); call && call->is_object()) {
    add_tool_call(parts, json::object{{"function", *call}});
  }
  return make_message(role, std::move(parts));
}

Result<std::vector<json::object>> read_openai_messages(const json::object& body) {
  const auto* value = body.if_contains("messages");
  if (value == nullptr) return fail(ErrorCode::kInvalid, "field 'messages' is missing");
  if (!value->is_array()) return fail(ErrorCode::kInvalid, "field 'messages' must be an array");
  std::vector<json::object> messages;
  add_tools(messages, body);
  for (const json::value& item : value->get_array()) {
    if (!item.is_object()) {
      return fail(ErrorCode::kInvalid, "field 'messages' must hold objects only");
    }
    messages.push_back(read_openai_message(item.get_object()));
  }
  return messages;
}

}  // namespace hone::wire
