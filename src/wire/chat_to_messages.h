// A request of Chat Completions as one of Anthropic Messages. Field by field beside the providers'
// references: docs/formats/translation.md. Used inside this folder only.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "base/result.h"
#include "wire/translate.h"

namespace hone::wire {

// Messages asks for a limit, Chat Completions does not: used where the request has none. Every
// model that Anthropic offers today may write as much.
inline constexpr std::int64_t kMaxTokensUnlessGiven = 8192;

// Without "model", and with what the answer's translation needs to know in `plan`.
[[nodiscard]] Result<json::object> chat_to_messages(const json::object& request, AnswerPlan& plan);

}  // namespace hone::wire
