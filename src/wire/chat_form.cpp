#include "wire/chat_form.h"

#include <algorithm>

#include "wire/message.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

std::string_view type_of(const json::object& part) {
  return string_or_empty(part, "type");
}

// What a custom tool of Responses takes (its `format`), where the part of one has its parameters.
bool is_text_format(const json::object& parameters) {
  const auto type = type_of(parameters);
  return type == "text" || type == "grammar";
}

json::object parameters_of_text(const json::object& format) {
  json::object input{{"type", "string"}};
  const auto grammar = string_or_empty(format, "definition");
  if (!grammar.empty()) input["description"] = grammar;
  return {{"type", "object"},
          {"properties", {{"input", std::move(input)}}},
          {"required", json::array{"input"}}};
}

// The tools of a message, one after the other.
class ToolReader {
 public:
  void add(const json::object& part) {
    const auto name = string_or_empty(part, "name");
    const auto* value = part.if_contains("parameters");
    const auto* parameters = value == nullptr ? nullptr : value->if_object();
    if (!space_.empty() && name.starts_with(space_ + ".")) {
      if (is_waiting_) tools_.definitions.pop_back();  // it is the namespace itself
      is_waiting_ = false;
      add_function(space_ + "__" + std::string(name.substr(space_.size() + 1)), name,
                   about_.empty() ? std::string() : about_ + "\n", part, parameters);
      return;
    }
    // A namespace is told from a tool without parameters by what follows it.
    is_waiting_ = parameters == nullptr;
    space_ = is_waiting_ ? std::string(name) : std::string();
    about_ = string_or_empty(part, "description");
    add_function(std::string(name), name, {}, part, parameters);
  }
  [[nodiscard]] ChatTools take() { return std::move(tools_); }

 private:
  void add_function(const std::string& name, std::string_view neutral, std::string about,
                    const json::object& part, const json::object* parameters) {
    json::object function{{"name", name}};
    about += string_or_empty(part, "description");
    if (!about.empty()) function["description"] = about;
    if (parameters != nullptr && is_text_format(*parameters)) {
      function["parameters"] = parameters_of_text(*parameters);
      tools_.of_text.emplace(neutral);
    } else if (parameters != nullptr) {
      function["parameters"] = *parameters;
    }
    if (name != neutral) tools_.renamed.emplace(neutral, name);
    tools_.definitions.push_back(
        json::object{{"type", "function"}, {"function", std::move(function)}});
  }

  ChatTools tools_;
  std::string space_;
  std::string about_;
  bool is_waiting_ = false;  // whether the last definition may yet be a namespace
};

// Of a tool's result: texts, and what a search for tools has brought, as a translation says it.
std::optional<std::string> result_text(const json::object& result) {
  std::string text;
  for (const auto& value : content_of(result)) {
    const auto* part = value.if_object();
    if (part == nullptr) return std::nullopt;
    const auto* inner = part->if_contains("value");
    const auto* other = inner == nullptr ? nullptr : inner->if_object();
    if (type_of(*part) == "text") {
      text += string_or_empty(*part, "text");
    } else if (other != nullptr && type_of(*other) == "tool_reference") {
      text += found_tool_text(string_or_empty(*other, "tool_name"));
    } else {
      return std::nullopt;
    }
  }
  const auto* is_error = result.if_contains("is_error");
  return is_error != nullptr && *is_error == true ? failed_result_text(text) : text;
}

std::optional<json::object> result_message(const json::object& message, ChatNames& names) {
  const auto& parts = content_of(message);
  const auto* result = parts.size() == 1 ? parts.front().if_object() : nullptr;
  if (result == nullptr || type_of(*result) != "tool_result") return std::nullopt;
  auto text = result_text(*result);
  if (!text) return std::nullopt;
  return json::object{{"role", "tool"},
                      {"tool_call_id", names.result_of(string_or_empty(*result, "id"))},
                      {"content", std::move(*text)}};
}

// For a tool that takes a text. One that is a JSON object was stored as that, "" as an empty one.
std::string text_argument(const json::value& arguments) {
  if (const auto* text = arguments.if_string()) return std::string(*text);
  const auto* object = arguments.if_object();
  return object != nullptr && object->empty() ? std::string() : plain_json(arguments);
}

std::optional<json::object> call_of(const json::object& part, ChatNames& names) {
  const auto name = string_or_empty(part, "name");
  const auto* arguments = part.if_contains("arguments");
  if (name.empty() || arguments == nullptr) return std::nullopt;
  std::string text;
  if (names.takes_text(name)) {
    text = plain_json(json::object{{"input", text_argument(*arguments)}});
  } else if (arguments->is_object()) {
    text = plain_json(*arguments);
  } else {
    return std::nullopt;  // cut off, or never whole
  }
  const auto id = string_or_empty(part, "id");
  return json::object{{"id", names.begin_call(id.empty() ? name : id)},
                      {"type", "function"},
                      {"function", {{"name", names.tool(name)}, {"arguments", std::move(text)}}}};
}

}  // namespace

ChatTools chat_tools(const json::object& message) {
  ToolReader reader;
  for (const auto& value : content_of(message)) {
    const auto* part = value.if_object();
    if (part != nullptr && type_of(*part) == "tool") reader.add(*part);
  }
  return reader.take();
}

void ChatNames::add(const ChatTools& tools) {
  renamed_.insert(tools.renamed.begin(), tools.renamed.end());
  of_text_.insert(tools.of_text.begin(), tools.of_text.end());
}

std::string ChatNames::tool(std::string_view name) const {
  const auto at = renamed_.find(name);
  return at == renamed_.end() ? std::string(name) : at->second;
}

std::string ChatNames::begin_call(std::string_view id) {
  const std::string name = "call_" + std::to_string(++count_);
  calls_[std::string(id)] = name;
  waiting_.emplace_back(id, name);
  return name;
}

std::string ChatNames::result_of(std::string_view id) {
  const auto first = std::ranges::find_if(
      waiting_, [&](const auto& call) { return id.empty() || call.first == id; });
  if (first != waiting_.end()) {
    std::string name = std::move(first->second);
    waiting_.erase(first);
    return name;
  }
  const auto at = calls_.find(id);
  if (at != calls_.end()) return at->second;
  return calls_[std::string(id)] = "call_" + std::to_string(++count_);  // its call is not there
}

std::optional<json::object> chat_message(const json::object& message, ChatNames& names) {
  const auto role = role_of(message);
  if (role == "tool") return result_message(message, names);
  if (role != "system" && role != "user" && role != "assistant") return std::nullopt;
  if (role == "assistant") names.begin_answer();
  json::array calls;
  for (const auto& value : content_of(message)) {
    const auto* part = value.if_object();
    const auto type = part == nullptr ? std::string_view() : type_of(*part);
    if (type == "text" || type == "thinking") continue;
    if (type != "tool_call" || role != "assistant") return std::nullopt;
    auto call = call_of(*part, names);
    if (!call) return std::nullopt;
    calls.push_back(std::move(*call));
  }
  std::string text = text_of(message);
  json::object out{{"role", role}};
  out["content"] = text.empty() && !calls.empty() ? json::value(nullptr) : json::value(text);
  if (!calls.empty()) out["tool_calls"] = std::move(calls);
  return out;
}

std::string chat_text(const json::object& message) {
  std::string text(string_or_empty(message, "content"));
  const auto* value = message.if_contains("tool_calls");
  const auto* calls = value == nullptr ? nullptr : value->if_array();
  if (calls == nullptr) return text;
  for (const auto& one : *calls) {
    const auto* call = one.if_object();
    const auto* inner = call == nullptr ? nullptr : call->if_contains("function");
    const auto* function = inner == nullptr ? nullptr : inner->if_object();
    if (function == nullptr) continue;
    if (!text.empty()) text += '\n';
    text += string_or_empty(*function, "name");
    text += ' ';
    text += string_or_empty(*function, "arguments");
  }
  return text;
}

}  // namespace hone::wire
