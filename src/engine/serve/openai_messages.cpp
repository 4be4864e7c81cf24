#include "engine/serve/openai_messages.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/serve/openai_fields.h"

namespace hone::engine::openai {
namespace {

constexpr std::size_t kMaxNameBytes = 128;

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string item_of(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

// A string, null, or an array of text parts, which are put together as they are: as the texts of a
// training example are.
Result<std::string> read_content(const json::object& message, const std::string& where) {
  const json::value* content = given(message, "content");
  if (content == nullptr) return std::string();
  if (content->is_string()) return json::value_to<std::string>(*content);
  auto parts = as<json::array>(*content, where + ".content");
  if (!parts) return fail(parts.error());
  std::string text;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const std::string at = item_of(where + ".content", i);
    const auto* part = (*parts)[i].if_object();
    const auto type = part != nullptr ? string_or_empty(*part, "type") : std::string_view();
    if (type != "text" && type != "refusal") {
      return refused(
          at, "only text parts are supported, not '" + std::string(type.substr(0, 64)) + "'");
    }
    if (auto fields = check_fields(*part, at, {"type", type}, {"annotations", "cache_control"});
        !fields) {
      return fail(fields.error());
    }
    auto piece = field<std::string>(*part, type);
    if (!piece) return fail(piece.error().with(at));
    text += *piece;
  }
  return text;
}

// A string of JSON, "" for none, or the object itself.
Result<json::object> read_arguments(const json::object& function, const std::string& where) {
  const json::value* arguments = given(function, "arguments");
  if (arguments == nullptr) return json::object();
  if (const auto* object = arguments->if_object()) return *object;
  const auto* text = arguments->if_string();
  if (text != nullptr && text->empty()) return json::object();
  if (text != nullptr) {
    if (auto parsed = parse_json_object(*text)) return parsed;
  }
  return refused(where + ".function.arguments", "it must be a JSON object, as a string");
}

Result<ToolCall> read_call(const json::value& value, const std::string& where) {
  const auto call = as<json::object>(value, where);
  if (!call) return fail(call.error());
  if (auto fields = check_fields(*call, where, {"id", "type", "function"}, {"index"}); !fields) {
    return fail(fields.error());
  }
  const std::string_view type = string_or_empty(*call, "type");
  if (!type.empty() && type != "function") return refused(where + ".type", "it must be 'function'");
  const auto function = field<json::object>(*call, "function");
  if (!function) return fail(function.error().with(where));
  if (auto fields = check_fields(*function, where + ".function", {"name", "arguments"}); !fields) {
    return fail(fields.error());
  }
  auto name = field<std::string>(*function, "name");
  if (!name) return fail(name.error().with(where));
  auto arguments = read_arguments(*function, where);
  if (!arguments) return fail(arguments.error());
  return ToolCall{std::string(string_or_empty(*call, "id")), std::move(*name),
                  std::move(*arguments)};
}

// What an answer says besides its content: its calls, and a refusal.
Result<void> read_answer(const json::object& message, const std::string& where, Turn& turn) {
  if (turn.content.empty()) turn.content = string_or_empty(message, "refusal");
  const auto calls = optional_field<json::array>(message, "tool_calls");
  if (!calls) return fail(calls.error().with(where));
  if (!*calls) return {};
  for (std::size_t i = 0; i < (*calls)->size(); ++i) {
    auto call = read_call((**calls)[i], item_of(where + ".tool_calls", i));
    if (!call) return fail(call.error());
    turn.calls.push_back(std::move(*call));
  }
  return {};
}

// Of a former answer: what it thought, and notes on it.
Result<void> check_members(const json::object& message, std::string_view role,
                           const std::string& where) {
  if (role == "assistant") {
    return check_fields(message, where, {"role", "content", "refusal", "tool_calls"},
                        {"reasoning", "reasoning_content", "annotations"});
  }
  if (role == "tool") {
    return check_fields(message, where, {"role", "content", "tool_call_id"}, {"name"});
  }
  return check_fields(message, where, {"role", "content"});
}

Result<Turn> read_message(const json::value& value, const std::string& where) {
  const auto message = as<json::object>(value, where);
  if (!message) return fail(message.error());
  auto role = field<std::string>(*message, "role");
  if (!role) return fail(role.error().with(where));
  if (*role == "developer") *role = "system";
  if (*role != "system" && *role != "user" && *role != "assistant" && *role != "tool") {
    return refused(where + ".role", "it must be system, developer, user, assistant or tool");
  }
  if (auto fine = check_members(*message, *role, where); !fine) return fail(fine.error());
  auto content = read_content(*message, where);
  if (!content) return fail(content.error());
  Turn turn{std::move(*role), std::move(*content)};
  if (turn.role == "tool") turn.call_id = string_or_empty(*message, "tool_call_id");
  if (turn.role != "assistant") return turn;
  if (auto done = read_answer(*message, where, turn); !done) return fail(done.error());
  return turn;
}

// Models write the name into JSON, and other formats' clients read it: OpenAI's characters, and the
// dot.
bool is_tool_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), allowed);
}

struct ToolRead {
  json::object shown;
  bool strict = false;
};

Result<ToolRead> read_tool(const json::value& value, const std::string& where) {
  const auto tool = as<json::object>(value, where);
  if (!tool) return fail(tool.error());
  if (string_or_empty(*tool, "type") != "function") {
    return refused(where + ".type", "it must be 'function'");
  }
  if (auto fields = check_fields(*tool, where, {"type", "function"}); !fields) {
    return fail(fields.error());
  }
  const auto function = field<json::object>(*tool, "function");
  if (!function) return fail(function.error().with(where));
  const std::string at = where + ".function";
  if (auto fields = check_fields(*function, at, {"name", "description", "parameters", "strict"});
      !fields) {
    return fail(fields.error());
  }
  if (!is_tool_name(string_or_empty(*function, "name"))) {
    return refused(at + ".name", "it must be 1 to 128 letters, digits, '_', '-' or '.'");
  }
  const auto description = optional_field<std::string>(*function, "description");
  if (!description) return fail(description.error().with(at));
  const auto parameters = optional_field<json::object>(*function, "parameters");
  if (!parameters) return fail(parameters.error().with(at));
  const auto strict = optional_field<bool>(*function, "strict");
  if (!strict) return fail(strict.error().with(at));
  json::object shown;  // in the request's order, for the model reads it
  for (const auto& member : *function) {
    if (member.key() != "strict" && !member.value().is_null()) {
      shown[member.key()] = member.value();
    }
  }
  ToolRead read{{{"type", "function"}}, strict->value_or(false)};
  read.shown["function"] = std::move(shown);
  return read;
}

// Sets what the choice says of the tools that were read.
Result<void> read_choice(const json::object& body, ToolsAsked& tools) {
  constexpr std::string_view kName = "tool_choice";
  const json::value* choice = given(body, kName);
  if (choice == nullptr || *choice == "auto") return {};
  if (*choice == "none") {
    tools = {};
    return {};
  }
  tools.forced = true;
  if (*choice == "required") {
    if (tools.offered.empty()) return refused(kName, "it needs 'tools'");
    return {};
  }
  const auto* named = choice->if_object();
  if (named == nullptr || string_or_empty(*named, "type") != "function") {
    return refused(kName,
                   "it must be \"auto\", \"none\", \"required\" or {\"type\": \"function\", "
                   "\"function\": {\"name\": …}}");
  }
  if (auto fields = check_fields(*named, kName, {"type", "function"}); !fields) return fields;
  const auto function = field<json::object>(*named, "function");
  if (!function) return fail(function.error().with(kName));
  if (auto fields = check_fields(*function, "tool_choice.function", {"name"}); !fields) {
    return fields;
  }
  auto name = field<std::string>(*function, "name");
  if (!name) return fail(name.error().with("tool_choice.function"));
  const auto names = tool_names(tools.offered);
  if (std::find(names.begin(), names.end(), *name) == names.end()) {
    return refused("tool_choice.function.name",
                   "no tool '" + name->substr(0, kMaxNameBytes) + "' is offered");
  }
  tools.only = std::move(*name);
  return {};
}

}  // namespace

Result<std::vector<Turn>> read_messages(const json::object& body) {
  const auto items = field<json::array>(body, "messages");
  if (!items) return fail(items.error());
  if (items->empty()) return refused("messages", "it must not be empty");
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto turn = read_message((*items)[i], item_of("messages", i));
    if (!turn) return fail(turn.error());
    turns.push_back(std::move(*turn));
  }
  return turns;
}

Result<ToolsAsked> read_tools(const json::object& body) {
  const auto side_by_side = optional_field<bool>(body, "parallel_tool_calls");
  if (!side_by_side) return fail(side_by_side.error());
  const auto items = optional_field<json::array>(body, "tools");
  if (!items) return fail(items.error());
  ToolsAsked tools;
  for (std::size_t i = 0; *items && i < (*items)->size(); ++i) {
    auto tool = read_tool((**items)[i], item_of("tools", i));
    if (!tool) return fail(tool.error());
    tools.strict.push_back(tool->strict);
    tools.offered.push_back(std::move(tool->shown));
  }
  if (auto done = read_choice(body, tools); !done) return fail(done.error());
  return tools;
}

}  // namespace hone::engine::openai
