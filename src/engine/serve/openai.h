// POST /v1/chat/completions, as OpenAI defines it, with vLLM's additions: prompt_logprobs,
// add_generation_prompt, continue_final_message, ignore_eos, and max_tokens 0.
#pragma once

#include <memory>

#include "base/json.h"
#include "base/result.h"
#include "engine/serve/answer_format.h"
#include "engine/serve/api_call.h"

namespace hone::engine::openai {

[[nodiscard]] Result<ApiCall> read_call(const json::object& body, const SamplingDefaults& defaults);
[[nodiscard]] std::unique_ptr<AnswerFormat> format(AnswerHead head);
// {"error": {"message", "type", "param", "code"}}
[[nodiscard]] json::object error_body(const Error& error);

}  // namespace hone::engine::openai
