#include "wire/anthropic_messages.h"

#include "wire/message.h"
#include "wire/part.h"

namespace hone::wire {
namespace {

json::array read_content(const json::value* content);

json::object read_tool_result(const json::object& block) {
  const auto* is_error = block.if_contains("is_error");
  return tool_result_part(string_or_empty(block, "tool_use_id"),
                          read_content(block.if_contains("content")),
                          is_error != nullptr && is_error->is_bool() && is_error->get_bool());
}

json::object read_tool_use(const json::object& block) {
  const auto* input = block.if_contains("input");
  return {{"type", "tool_call"},
          {"id", string_or_empty(block, "id")},
          {"name", string_or_empty(block, "name")},
          {"arguments", canonical_arguments(input == nullptr ? json::value("") : *input)}};
}

void add_block(json::array& parts, const json::value& value) {
  const auto* block = value.if_object();
  if (block == nullptr) {
    if (const auto* text = value.if_string()) add_text(parts, *text);
    return;
  }
  const std::string_view type = string_or_empty(*block, "type");
  if (type == "text") {
    add_text(parts, string_or_empty(*block, "text"));
  } else if (type == "thinking") {
    const std::string_view text = string_or_empty(*block, "thinking");
    if (!text.empty()) parts.push_back(json::object{{"type", "thinking"}, {"text", text}});
  } else if (type == "tool_use") {
    parts.push_back(read_tool_use(*block));
  } else if (type == "tool_result") {
    parts.push_back(read_tool_result(*block));
  } else if (const auto* source = block->if_contains("source"); type == "image" && source) {
    parts.push_back(image_part(*source));
  } else if (type != "redacted_thinking") {  // which only its maker can read
    parts.push_back(other_part(value));
  }
}

json::array read_content(const json::value* content) {
  json::array parts;
  if (content == nullptr) return parts;
  if (const auto* text = content->if_string()) {
    add_text(parts, *text);
  } else if (const auto* blocks = content->if_array()) {
    for (const json::value& block : *blocks) add_block(parts, block);
  }
  return parts;
}

void add_tools(std::vector<json::object>& messages, const json::object& body) {
  const auto* value = body.if_contains("tools");
  const auto* tools = value == nullptr ? nullptr : value->if_array();
  if (tools == nullptr || tools->empty()) return;
  json::array parts;
  for (const json::value& tool : *tools) {
    const auto* object = tool.if_object();
    // Tools that run at the provider have a type and no schema.
    if (object == nullptr || !object->contains("input_schema")) {
      parts.push_back(other_part(tool));
    } else {
      parts.push_back(tool_part(string_or_empty(*object, "name"),
                                string_or_empty(*object, "description"),
                                object->if_contains("input_schema")));
    }
  }
  messages.push_back(make_message("tools", std::move(parts)));
}

void add_system(std::vector<json::object>& messages, const json::object& body) {
  json::array parts;
  for (json::value& part : read_content(body.if_contains("system"))) {
    const std::string_view text = string_or_empty(part.get_object(), "text");
    if (!text.starts_with(kBillingBlock)) parts.push_back(std::move(part));
  }
  if (!parts.empty()) messages.push_back(make_message("system", std::move(parts)));
}

bool is_tool_result(const json::value& part) {
  return string_or_empty(part.get_object(), "type") == "tool_result";
}

}  // namespace

void read_anthropic_message(const json::object& message, std::vector<json::object>& messages) {
  const std::string_view role = string_or_empty(message, "role");
  json::array rest;
  bool had_result = false;
  for (json::value& part : read_content(message.if_contains("content"))) {
    if (!is_tool_result(part)) {
      rest.push_back(std::move(part));
      continue;
    }
    if (!rest.empty()) messages.push_back(make_message(role, std::move(rest)));
    rest = {};
    had_result = true;
    messages.push_back(make_message("tool", {std::move(part)}));
  }
  if (!rest.empty() || !had_result) messages.push_back(make_message(role, std::move(rest)));
}

Result<std::vector<json::object>> read_anthropic_messages(const json::object& body) {
  const auto* value = body.if_contains("messages");
  if (value == nullptr) return fail(ErrorCode::kInvalid, "field 'messages' is missing");
  if (!value->is_array()) return fail(ErrorCode::kInvalid, "field 'messages' must be an array");
  std::vector<json::object> messages;
  add_tools(messages, body);
  add_system(messages, body);
  for (const json::value& item : value->get_array()) {
    if (!item.is_object()) {
      return fail(ErrorCode::kInvalid, "field 'messages' must hold objects only");
    }
    read_anthropic_message(item.get_object(), messages);
  }
  return messages;
}

}  // namespace hone::wire
