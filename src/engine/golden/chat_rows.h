// What the rows of chat/ have in common. Used by chat_rendered.cpp and chat_sft.cpp.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "engine/golden/files.h"
#include "engine/model/chat_template.h"

namespace hone::engine::golden {

// "smollm2:17": the row's template and the number of its line.
[[nodiscard]] std::string subject_of(const Line& line, const std::string& file);

// `messages`, and where they are there `tools`, `add_generation_prompt` and `kwargs`.
[[nodiscard]] Result<TemplateInput> read_input(const json::object& row);

// Those of `bos_token` and `eos_token` that the row has.
[[nodiscard]] json::object special_tokens_in(const json::object& row);

// The source of NAME.jinja in the folder chat/.
[[nodiscard]] Result<std::string> read_template(const std::string& chat, const std::string& name);

}  // namespace hone::engine::golden
