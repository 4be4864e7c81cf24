// What followed an answer in its conversation, and what that says about it. Pure: the messages that
// stand below an answer, up to the next one, under rules (feedback/mining_rules.h).
//
//   const Followed followed{.tool = "claude-code", .answer = answer, .messages = messages};
//   for (const Finding& finding : read_reply(followed, default_mining_rules())) …
//
// An approval that nobody commented on is found nowhere: a conversation looks the same whether a
// person agreed or a setting did, and an automatic approval is not an acceptance.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "feedback/mining_rules.h"

namespace hone::feedback {

// Messages in neutral form (wire/message.h).
struct Followed {
  std::string tool;                    // as in interaction.tool
  json::object answer;                 // empty where it was stopped before it had begun
  std::vector<json::object> messages;  // below it: results, what people wrote, what tools put in
};

struct Finding {
  std::string rule;
  std::string kind;
  std::string by;
  bool weak = false;
  std::optional<std::string> comment;  // the person's words
  std::size_t message = 0;             // index of the message that shows it
  std::string tool_call;               // whose result shows it, or ""
  std::string language;                // of the words, or ""
};

// At most one for each tool call, and one more.
[[nodiscard]] std::vector<Finding> read_reply(const Followed& followed, const MiningRules& rules);

// What a person wrote in a message of the role "user": its texts without those of tools.
[[nodiscard]] std::string typed_text(const json::object& message, const MiningRules& rules);

// Ids of the tool calls in an answer.
[[nodiscard]] std::vector<std::string> tool_calls_of(const json::object& message);

[[nodiscard]] bool is_interruption(const json::object& message, std::string_view tool,
                                   const MiningRules& rules);

// Whether `later` is `earlier` put another way: alike, and not the same.
[[nodiscard]] bool is_rewritten(std::string_view earlier, std::string_view later,
                                const MiningRules& rules);

}  // namespace hone::feedback
