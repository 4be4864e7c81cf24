// POST /v1/messages, as Anthropic defines it, for text.
#pragma once

#include <memory>

#include "base/json.h"
#include "base/result.h"
#include "engine/serve/answer_format.h"
#include "engine/serve/api_call.h"

namespace hone::engine::anthropic {

[[nodiscard]] Result<ApiCall> read_call(const json::object& body, const SamplingDefaults& defaults);
[[nodiscard]] std::unique_ptr<AnswerFormat> format(AnswerHead head);
// {"type": "error", "error": {"type", "message"}}
[[nodiscard]] json::object error_body(const Error& error);

}  // namespace hone::engine::anthropic
