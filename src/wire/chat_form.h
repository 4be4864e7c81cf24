// Messages of the neutral form (wire/message.h) as Chat Completions has them, tools, calls and
// results included: what examples are made of. They say what a translated request of the same
// conversation says (docs/formats/translation.md), so that a model learns from what it is asked.
//
//   ChatNames names;                                    // of one conversation, in its order
//   names.add(chat_tools(definitions));                 // a message of the role "tools"
//   auto message = chat_message(neutral, names);        // nullopt: it has no form there
//
// Ids of calls become call_1, call_2, … in the order of the conversation: a provider's say nothing,
// differ between equal conversations, and lead to an interaction. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace hone::wire {

// A message of tool definitions. Tools that run at the provider are not among them: whoever calls
// none gets the same answer without.
struct ChatTools {
  json::array definitions;  // {"type": "function", "function": {"name", "description"?, …}} each
  // Tools in a namespace go by both names, as in a translated request: "space.tool", "space__tool".
  std::map<std::string, std::string, std::less<>> renamed;
  // Tools that take a text, and not an object: here a function of one parameter "input".
  std::set<std::string, std::less<>> of_text;
};
[[nodiscard]] ChatTools chat_tools(const json::object& message);

// What the messages of a conversation so far call tools and calls.
class ChatNames {
 public:
  void add(const ChatTools& tools);

  [[nodiscard]] std::string tool(std::string_view name) const;
  [[nodiscard]] bool takes_text(std::string_view name) const { return of_text_.contains(name); }
  // An answer begins; results are of its calls first.
  void begin_answer() { waiting_.clear(); }
  // A call under that id begins; ids may come again, as some servers number them anew each time, or
  // give all calls of an answer the same. Then their results come in the order of the calls.
  [[nodiscard]] std::string begin_call(std::string_view id);
  // Without an id it is of the first call that has no result yet.
  [[nodiscard]] std::string result_of(std::string_view id);

 private:
  std::map<std::string, std::string, std::less<>> renamed_;
  std::set<std::string, std::less<>> of_text_;
  std::map<std::string, std::string, std::less<>> calls_;
  std::vector<std::pair<std::string, std::string>> waiting_;  // of the last answer: ids and names
  std::int64_t count_ = 0;
};

// {"role": "system"|"user"|"assistant"|"tool", "content", "tool_calls"?, "tool_call_id"?}, of any
// role but "tools". Content is one text; null where an answer only calls. Thinking is passed over.
// Nothing where there are images, what only a provider can read, or arguments that are no object.
[[nodiscard]] std::optional<json::object> chat_message(const json::object& message,
                                                       ChatNames& names);

// All that such a message says: its content, and name and arguments of each call on lines of their
// own.
[[nodiscard]] std::string chat_text(const json::object& message);

}  // namespace hone::wire
