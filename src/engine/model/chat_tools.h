// Tools in conversations and in answers. A model is told of its tools in text, and calls them in
// text; what that text looks like is in this file alone. A model calls with a reply that is exactly
//
//   {"name": "get_weather", "parameters": {"city": "Bern"}}
//
// and nothing else, after <|python_tag|> or not; one call a reply. Two forms bring tools, calls and
// results into a conversation:
//
// - Llama 3.1 to 3.3 were trained on tools: as their chat templates write them, in the first
//   message of the user, with results as the role "ipython".
// - Other models (ChatML, Llama 3) know none: the system message describes the tools and the form
//   of a call in plain words, and a result is a message of the user's, "Result of get_weather:".
//
//   auto messages = write_tools(std::move(turns), tools, chat.format(), chat.default_system());
//   auto prompt = chat.encode(*messages, {.add_generation_prompt = true,
//                                         .with_tools = !tools.empty()});
//   AnswerWithTools answer(tool_names(tools));
//
// docs/formats/serving.md shows both. Nothing here needs a model or libtorch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat.h"

namespace hone::engine {

struct ToolCall {
  std::string id;
  std::string name;
  json::object arguments;
};

// A message of a conversation in which tools may have been called.
struct Turn {
  std::string role;  // system, user, assistant or tool
  std::string content;
  std::vector<ToolCall> calls{};  // the assistant's
  std::string call_id{};          // of the call whose result this is
};

// `tools`: {"type": "function", "function": {"name", "description", "parameters"}} each, as Chat
// Completions has them. `default_system` is what the model is told where nobody tells it anything
// else. What an answer says besides its calls becomes a message before them, and several calls of
// an answer are told one by one, each before its result, since that is how the models call.
// kInvalid: Llama 3.1's form needs a message of the user's to put the tools into.
[[nodiscard]] Result<std::vector<ChatMessage>> write_tools(std::vector<Turn> turns,
                                                           const json::array& tools,
                                                           ChatFormat format,
                                                           std::string_view default_system);

[[nodiscard]] std::vector<std::string> tool_names(const json::array& tools);

// The call that `reply` is, where it is exactly one call of an offered tool. It has no id.
[[nodiscard]] std::optional<ToolCall> read_tool_call(std::string_view reply,
                                                     const std::vector<std::string>& offered);

// How a call of a function begins, up to its parameters: so models write it, and so it is told
// them.
[[nodiscard]] std::string call_opening(std::string_view name);

// An answer on its way to somebody who offered tools: held back as long as it may be a call, shown
// as soon as it cannot. Where nothing is offered, everything is shown at once.
class AnswerWithTools {
 public:
  explicit AnswerWithTools(std::vector<std::string> offered);

  // What can be shown, now that `text` has come.
  [[nodiscard]] std::string add(std::string_view text);
  [[nodiscard]] bool may_be_call() const { return !is_text_; }

  struct End {
    std::optional<ToolCall> call;
    std::string text;  // where it was none: what has not been shown
  };
  [[nodiscard]] End finish();

 private:
  std::vector<std::string> offered_;
  std::string held_;
  bool is_text_;
};

}  // namespace hone::engine
