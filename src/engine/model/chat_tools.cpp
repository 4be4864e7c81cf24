#include "engine/model/chat_tools.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/model/template_json.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr std::string_view kPythonTag = "<|python_tag|>";

// Llama 3.1's template, to the letter: the model was trained on it.
constexpr std::string_view kLlama31Offer =
    "Given the following functions, please respond with a JSON for a function call with its "
    "proper arguments that best answers the given prompt.\n\n"
    "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument name "
    "and its value}.Do not use variables.\n\n";
constexpr std::size_t kLlama31Indent = 4;

constexpr std::string_view kPlainOffer =
    "You can call the tools below. To call one, reply with a JSON object of this form and with "
    "nothing else:\n"
    "{\"name\": \"name of the tool\", \"parameters\": {\"name of a parameter\": \"its value\"}}\n"
    "The result comes in the next message. Where no tool is needed, answer in plain words.\n\n"
    "The tools, each with the JSON schema of its parameters:";

const json::object* function_of(const json::value& tool) {
  const auto* object = tool.if_object();
  const auto* function = object == nullptr ? nullptr : object->if_contains("function");
  return function == nullptr ? nullptr : function->if_object();
}

// As the model itself writes one, so that what it said stands before it unchanged.
std::string written_call(const ToolCall& call) {
  return call_opening(call.name) + template_json(call.arguments) + "}";
}

// turns[at] has calls: its text, then each call with what answers it. Returns the turn behind.
std::size_t tell_calls(std::vector<Turn>& turns, std::size_t at, std::vector<Turn>& told) {
  Turn& turn = turns[at];
  std::size_t end = at + 1;
  while (end < turns.size() && turns[end].role == "tool") ++end;
  if (!turn.content.empty()) told.push_back({turn.role, std::move(turn.content)});
  const bool one = turn.calls.size() == 1;
  std::vector<bool> done(end, false);
  for (ToolCall& call : turn.calls) {
    const std::string id = call.id;
    Turn alone{turn.role, ""};
    alone.calls.push_back(std::move(call));
    told.push_back(std::move(alone));
    for (std::size_t i = at + 1; i < end; ++i) {
      if (done[i] || (!one && turns[i].call_id != id)) continue;
      done[i] = true;
      told.push_back(std::move(turns[i]));
    }
  }
  for (std::size_t i = at + 1; i < end; ++i) {
    if (!done[i]) told.push_back(std::move(turns[i]));
  }
  return end;
}

std::vector<Turn> one_by_one(std::vector<Turn> turns) {
  std::vector<Turn> told;
  for (std::size_t i = 0; i < turns.size();) {
    if (!turns[i].calls.empty()) {
      i = tell_calls(turns, i, told);
    } else {
      told.push_back(std::move(turns[i++]));
    }
  }
  return told;
}

// Turns of one call at most each.
std::vector<ChatMessage> in_words(std::vector<Turn> turns, ChatFormat format) {
  std::map<std::string, std::string, std::less<>> called;  // id to name
  std::vector<ChatMessage> messages;
  for (Turn& turn : turns) {
    if (!turn.calls.empty()) {
      const ToolCall& call = turn.calls.front();
      called[call.id] = call.name;
      messages.push_back({turn.role, written_call(call)});
    } else if (turn.role != "tool") {
      messages.push_back({std::move(turn.role), std::move(turn.content)});
    } else if (format == ChatFormat::kLlama31) {
      messages.push_back({"ipython", template_json(json::string(turn.content))});
    } else {
      const auto found = called.find(turn.call_id);
      const std::string name = found == called.end() ? "the tool" : found->second;
      messages.push_back({"user", "Result of " + name + ":\n" + turn.content});
    }
  }
  return messages;
}

Result<void> offer_as_llama31(const json::array& tools, std::vector<ChatMessage>& messages) {
  const auto user = std::find_if(messages.begin(), messages.end(),
                                 [](const ChatMessage& one) { return one.role == "user"; });
  if (user == messages.end()) {
    return fail(ErrorCode::kInvalid,
                "field 'tools': this model reads them in the first message of the user, and "
                "'messages' has none");
  }
  std::string text(kLlama31Offer);
  for (const json::value& tool : tools) text += template_json(tool, kLlama31Indent) + "\n\n";
  user->content = text + std::string(strip(user->content));
  return {};
}

void offer_in_plain_words(const json::array& tools, std::string_view default_system,
                          std::vector<ChatMessage>& messages) {
  if (messages.empty() || messages.front().role != "system") {
    messages.insert(messages.begin(), ChatMessage{"system", std::string(default_system)});
  }
  std::string& text = messages.front().content;
  if (!text.empty()) text += "\n\n";
  text += kPlainOffer;
  for (const json::value& tool : tools) {
    if (const auto* function = function_of(tool)) text += "\n" + template_json(*function);
  }
}

// The object at "parameters", or at "arguments", which some models write in its place.
const json::object* parameters_of(const json::object& call) {
  const auto* parameters = call.if_contains("parameters");
  const auto* arguments = call.if_contains("arguments");
  if ((parameters == nullptr) == (arguments == nullptr)) return nullptr;
  return (parameters != nullptr ? parameters : arguments)->if_object();
}

// Llama 2's turns alternate, but calls, results and what is said beside them need not.
std::vector<ChatMessage> alternating(std::vector<ChatMessage> messages) {
  std::vector<ChatMessage> merged;
  for (ChatMessage& message : messages) {
    if (merged.empty() || merged.back().role != message.role) {
      merged.push_back(std::move(message));
    } else {
      merged.back().content += "\n\n" + message.content;
    }
  }
  return merged;
}

}  // namespace

std::string call_opening(std::string_view name) {
  return R"({"name": )" + template_json(json::string(name)) + R"(, "parameters": )";
}

Result<std::vector<ChatMessage>> write_tools(std::vector<Turn> turns, const json::array& tools,
                                             ChatFormat format, std::string_view default_system) {
  const bool tools_were_used = std::any_of(turns.begin(), turns.end(), [](const Turn& turn) {
    return !turn.calls.empty() || turn.role == "tool";
  });
  auto messages = in_words(one_by_one(std::move(turns)), format);
  if (format == ChatFormat::kLlama2 && tools_were_used) messages = alternating(std::move(messages));
  if (tools.empty()) return messages;
  if (format == ChatFormat::kLlama31) {
    if (auto done = offer_as_llama31(tools, messages); !done) return fail(done.error());
  } else {
    offer_in_plain_words(tools, default_system, messages);
  }
  return messages;
}

std::vector<std::string> tool_names(const json::array& tools) {
  std::vector<std::string> names;
  for (const json::value& tool : tools) {
    if (const auto* function = function_of(tool)) {
      names.emplace_back(string_or_empty(*function, "name"));
    }
  }
  return names;
}

std::optional<ToolCall> read_tool_call(std::string_view reply,
                                       const std::vector<std::string>& offered) {
  std::string_view text = strip(reply);
  if (text.starts_with(kPythonTag)) text = strip(text.substr(kPythonTag.size()));
  if (!text.starts_with('{')) return std::nullopt;
  const auto object = parse_json_object(text);
  if (!object) return std::nullopt;
  const std::string_view name = string_or_empty(*object, "name");
  if (std::find(offered.begin(), offered.end(), name) == offered.end()) return std::nullopt;
  const auto* parameters = parameters_of(*object);
  if (parameters == nullptr) return std::nullopt;
  // {"type": "function", …} is how the tool itself was shown.
  std::size_t understood = 2;
  if (object->contains("type")) {
    if (string_or_empty(*object, "type") != "function") return std::nullopt;
    ++understood;
  }
  if (object->size() != understood) return std::nullopt;
  return ToolCall{"", std::string(name), *parameters};
}

AnswerWithTools::AnswerWithTools(std::vector<std::string> offered)
    : offered_(std::move(offered)), is_text_(offered_.empty()) {}

std::string AnswerWithTools::add(std::string_view text) {
  if (is_text_) return std::string(text);
  held_ += text;
  const std::string_view begun = strip(held_);
  is_text_ = !begun.empty() && !begun.starts_with('{') && !begun.starts_with(kPythonTag) &&
             !kPythonTag.starts_with(begun);
  return is_text_ ? std::exchange(held_, {}) : std::string();
}

AnswerWithTools::End AnswerWithTools::finish() {
  if (is_text_) return {};
  is_text_ = true;
  auto call = read_tool_call(held_, offered_);
  if (call) return {std::move(call), ""};
  return {std::nullopt, std::exchange(held_, {})};
}

}  // namespace hone::engine
