// One neutral form for messages, whatever wire format they came in. A message is JSON:
//
//   {"role": "system"|"user"|"assistant"|"tool"|"tools", "content": [part, …]}
//
// with the parts
//
//   {"type": "text", "text"}
//   {"type": "thinking", "text"}                           without its signature, which is not
//   content
//   {"type": "tool_call", "id", "name", "arguments"}       arguments: JSON where they are JSON,
//   else text
//   {"type": "tool_result", "id", "content": [part, …], "is_error": true?}
//   {"type": "image", "source"}                            as the client described it, without the
//   bytes
//   {"type": "tool", "name", "description", "parameters"}  in messages of the role "tools" only
//   {"type": "other", "value"}                             anything else, as it came
//
// The role "tools" is ours: the tool definitions of a call, as its first message. The form is
// canonical: the same message gives the same JSON however a client writes it, and an answer put
// together from a stream gives the message that the client sends back in its next call. So a plain
// string is one text part, cache markers, billing blocks and stream indices are gone, empty texts
// are left out, a tool's result is a message of its own, and `hone::canonical` settles the order of
// keys. Bytes of images and files become their SHA-256: they cannot be redacted, so they are not
// kept. The rules, with their reasons, are in docs/formats/message.md.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace hone::wire {

[[nodiscard]] json::object text_part(std::string_view text);
[[nodiscard]] json::object make_message(std::string_view role, json::array content);
[[nodiscard]] json::object text_message(std::string_view role, std::string_view text);

// "" and an empty array where `message` is not one of ours.
[[nodiscard]] std::string_view role_of(const json::object& message);
[[nodiscard]] const json::array& content_of(const json::object& message);

// The text parts of a message in order, without thinking, tool calls and results.
[[nodiscard]] std::string text_of(const json::object& message);

}  // namespace hone::wire
