// POST /v1/chat/completions, as OpenAI defines it, with vLLM's additions: prompt_logprobs,
// add_generation_prompt, continue_final_message, ignore_eos, and max_tokens 0. Every field is done,
// known to change nothing, or refused by name (openai_fields.h).
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "engine/serve/api_call.h"

namespace hone::engine::openai {

[[nodiscard]] Result<ApiCall> read_call(const json::object& body, const SamplingDefaults& defaults);

}  // namespace hone::engine::openai
