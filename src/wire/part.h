// What the formats share when they bring parts of messages into the neutral form. Used inside
// this folder only.
#pragma once

#include <string_view>

#include "base/json.h"

namespace hone::wire {

// Adds a text part, unless the text is empty.
void add_text(json::array& parts, std::string_view text);

// Arguments come as JSON (Anthropic) or as a string of JSON (OpenAI). Whole numbers lose their
// ".0", as they do in a client that reads and writes them in JavaScript. What is no JSON stays
// text.
[[nodiscard]] json::value canonical_arguments(const json::value& arguments);

// {"type": "other", "value"}, without cache markers and bytes.
[[nodiscard]] json::object other_part(const json::value& value);
[[nodiscard]] json::object image_part(const json::value& source);
[[nodiscard]] json::object tool_part(std::string_view name, std::string_view description,
                                     const json::value* parameters);
[[nodiscard]] json::object tool_result_part(std::string_view id, json::array content,
                                            bool is_error);

}  // namespace hone::wire
