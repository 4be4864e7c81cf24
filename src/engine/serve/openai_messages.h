// The conversation and the tools of a Chat Completions request.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat_tools.h"

namespace hone::engine::openai {

// `messages`: text only, with an assistant's calls and the results of tools.
[[nodiscard]] Result<std::vector<Turn>> read_messages(const json::object& body);

// `tools` that the model may call, as write_tools takes them: none where `tool_choice` says "none".
// That it must call one, or that its arguments keep to their schema (`strict`), cannot be had yet.
[[nodiscard]] Result<json::array> read_tools(const json::object& body);

}  // namespace hone::engine::openai
