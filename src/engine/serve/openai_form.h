// What a request asks of its answer's form: response_format, tool_choice, `strict` of a tool.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "engine/constrain/schema.h"
#include "engine/serve/openai_messages.h"

namespace hone::engine::openai {

// kInvalid names the field. Whether the schemas can be had is for constrain/ to say.
[[nodiscard]] Result<OutputForm> read_form(const json::object& body, const ToolsAsked& tools);

}  // namespace hone::engine::openai
