// The conversation and the tools of a Chat Completions request.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat_tools.h"

namespace hone::engine::openai {

// `messages`: text only, with an assistant's calls and the results of tools.
[[nodiscard]] Result<std::vector<Turn>> read_messages(const json::object& body);

struct ToolsAsked {
  json::array offered;       // as write_tools takes them; none where `tool_choice` says "none"
  std::vector<bool> strict;  // of each: arguments keep to their schema
  bool forced = false;       // one must be called
  std::string only;          // this one; empty: any
};
// `tools` and `tool_choice`.
[[nodiscard]] Result<ToolsAsked> read_tools(const json::object& body);

}  // namespace hone::engine::openai
