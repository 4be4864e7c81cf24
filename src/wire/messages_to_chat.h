// A request of Anthropic Messages as one of Chat Completions. Field by field beside the providers'
// references: docs/formats/translation.md. Used inside this folder only.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "wire/translate.h"

namespace hone::wire {

// Without "model", and with what the answer's translation needs to know in `plan`.
[[nodiscard]] Result<json::object> messages_to_chat(const json::object& request, AnswerPlan& plan);

}  // namespace hone::wire
