#include "wire/openai_responses.h"

#include "wire/message.h"
#include "wire/part.h"

namespace hone::wire {
namespace {

bool is_call(std::string_view type) {
  return type == "function_call" || type == "custom_tool_call";
}

// A copy without what varies (id, status) and what only its maker can read.
json::object bare(const json::object& item) {
  json::object copy;
  for (const auto& member : item) {
    const std::string_view key = member.key();
    if (key != "id" && key != "status" && key != "encrypted_content")
      copy.emplace(key, member.value());
  }
  return copy;
}

void add_part(json::array& parts, const json::value& value) {
  const auto* part = value.if_object();
  if (part == nullptr) {
    if (const auto* text = value.if_string()) add_text(parts, *text);
    return;
  }
  const std::string_view type = string_or_empty(*part, "type");
  if (type == "input_text" || type == "output_text" || type == "text") {
    add_text(parts, string_or_empty(*part, "text"));
  } else if (type == "input_image") {
    json::object source = *part;
    source.erase("type");
    parts.push_back(image_part(source));
  } else if (type == "refusal") {
    const std::string_view refusal = string_or_empty(*part, "refusal");
    if (refusal.empty()) return;
    parts.push_back(other_part(json::object{{"type", "refusal"}, {"refusal", refusal}}));
  } else {
    parts.push_back(other_part(value));
  }
}

void add_content(json::array& parts, const json::value* content) {
  if (content == nullptr) return;
  if (const auto* text = content->if_string()) {
    add_text(parts, *text);
  } else if (const auto* items = content->if_array()) {
    for (const json::value& item : *items) add_part(parts, item);
  }
}

void add_thinking(json::array& parts, const json::value* texts) {
  const auto* items = texts == nullptr ? nullptr : texts->if_array();
  if (items == nullptr) return;
  for (const json::value& item : *items) {
    const auto* object = item.if_object();
    const std::string_view text = object == nullptr ? "" : string_or_empty(*object, "text");
    if (!text.empty()) parts.push_back(json::object{{"type", "thinking"}, {"text", text}});
  }
}

// A tool of a namespace is called by the name of both.
std::string full_name(std::string_view space, std::string_view name) {
  std::string full(space);
  if (!full.empty()) full += '.';
  return full += name;
}

json::object read_call_item(const json::object& item) {
  const json::value* arguments = item.if_contains("arguments");
  if (arguments == nullptr) arguments = item.if_contains("input");
  return {{"type", "tool_call"},
          {"id", string_or_empty(item, "call_id")},
          {"name", full_name(string_or_empty(item, "namespace"), string_or_empty(item, "name"))},
          {"arguments", canonical_arguments(arguments == nullptr ? "" : *arguments)}};
}

json::object read_output_item(const json::object& item) {
  json::array content;
  const json::value* output = item.if_contains("output");
  if (output != nullptr && (output->is_string() || output->is_array())) {
    add_content(content, output);
  } else {
    content.push_back(other_part(bare(item)));
  }
  return make_message(
      "tool", {tool_result_part(string_or_empty(item, "call_id"), std::move(content), false)});
}

void add_tool(json::array& parts, const json::value& value, std::string_view space) {
  const auto* tool = value.if_object();
  const std::string_view type = tool == nullptr ? "" : string_or_empty(*tool, "type");
  if (type == "function" || type == "custom") {
    // What a custom tool takes is told by a grammar in the place of a schema.
    parts.push_back(tool_part(full_name(space, string_or_empty(*tool, "name")),
                              string_or_empty(*tool, "description"),
                              tool->if_contains(type == "function" ? "parameters" : "format")));
  } else if (const auto* inner = tool == nullptr ? nullptr : tool->if_contains("tools");
             type == "namespace" && space.empty() && inner != nullptr && inner->is_array()) {
    const std::string_view name = string_or_empty(*tool, "name");
    parts.push_back(tool_part(name, string_or_empty(*tool, "description"), nullptr));
    for (const json::value& item : inner->get_array()) add_tool(parts, item, name);
  } else {
    parts.push_back(other_part(value));  // tools that run at the provider have a type and no schema
  }
}

void add_tools(std::vector<json::object>& messages, const json::object& holder) {
  const auto* value = holder.if_contains("tools");
  const auto* tools = value == nullptr ? nullptr : value->if_array();
  if (tools == nullptr || tools->empty()) return;
  json::array parts;
  for (const json::value& tool : *tools) add_tool(parts, tool, {});
  messages.push_back(make_message("tools", std::move(parts)));
}

void add_instructions(std::vector<json::object>& messages, const json::object& body) {
  json::array parts;
  for (const std::string_view name : {"previous_response_id", "conversation", "prompt"}) {
    const auto* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) continue;
    parts.push_back(other_part(json::object{{name, *value}}));
  }
  add_content(parts, body.if_contains("instructions"));
  if (!parts.empty()) messages.push_back(make_message("system", std::move(parts)));
}

// Who an item is from, where it does not say.
std::string_view role_of_item(const json::object& item) {
  const std::string_view role = string_or_empty(item, "role");
  if (role == "developer") return "system";
  if (!role.empty()) return role;
  const std::string_view type = string_or_empty(item, "type");
  const bool assistants = type.ends_with("_call") || type == "reasoning" || type == "compaction";
  return assistants ? "assistant" : "system";
}

void add_item(std::vector<json::object>& messages, const json::object& item) {
  const std::string_view type = string_or_empty(item, "type");
  if (type.ends_with("_output")) {
    messages.push_back(read_output_item(item));
    return;
  }
  if (type == "additional_tools") {
    add_tools(messages, item);
    return;
  }
  const std::string_view role = role_of_item(item);
  if (role == "assistant") {
    if (messages.empty() || role_of(messages.back()) != role) {
      messages.push_back(make_message(role, {}));
    }
    add_assistant_item(messages.back().at("content").as_array(), item);
    return;
  }
  json::array parts;
  if (type.empty() || type == "message") {
    add_content(parts, item.if_contains("content"));
  } else {
    // An id is all that an item_reference has.
    parts.push_back(other_part(type == "item_reference" ? item : bare(item)));
  }
  messages.push_back(make_message(role, std::move(parts)));
}

}  // namespace

void add_assistant_item(json::array& parts, const json::object& item) {
  const std::string_view type = string_or_empty(item, "type");
  if (type.empty() || type == "message") {
    add_content(parts, item.if_contains("content"));
  } else if (type == "reasoning") {
    add_thinking(parts, item.if_contains("summary"));
    add_thinking(parts, item.if_contains("content"));
  } else if (is_call(type)) {
    parts.push_back(read_call_item(item));
  } else if (const auto* image = item.if_contains("result");
             type == "image_generation_call" && image != nullptr) {
    parts.push_back(image_part(json::object{{"data", *image}}));
  } else {
    parts.push_back(other_part(bare(item)));
  }
}

Result<std::vector<json::object>> read_responses_input(const json::object& body) {
  std::vector<json::object> messages;
  add_tools(messages, body);
  add_instructions(messages, body);
  const auto* input = body.if_contains("input");
  if (input == nullptr || input->is_null()) {
    // A stored prompt or conversation may say all there is to say.
    if (!messages.empty()) return messages;
    return fail(ErrorCode::kInvalid, "field 'input' is missing");
  }
  if (const auto* text = input->if_string()) {
    messages.push_back(text_message("user", *text));
    return messages;
  }
  if (!input->is_array()) {
    return fail(ErrorCode::kInvalid, "field 'input' must be a text or an array");
  }
  for (const json::value& item : input->get_array()) {
    if (!item.is_object()) {
      return fail(ErrorCode::kInvalid, "field 'input' must hold objects only");
    }
    add_item(messages, item.get_object());
  }
  return messages;
}

}  // namespace hone::wire
