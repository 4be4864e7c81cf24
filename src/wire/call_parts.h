// A request's body cut into the parts that `read_call` reads one by one, without reading them. An
// agent sends the whole conversation with every call: cut into parts, what was sent before is known
// by its bytes, and only what is new needs to be read.
//
//   if (const auto parts = cut_call(Format::kOpenAIChat, body)) {
//     read_call(format, *parse_json_object(settings_text(*parts)))    // params, no messages
//     read_call(format, *parse_json_object(opening_text(*parts)))     // tools and system
//     read_call(format, *parse_json_object(message_text(*parts, i)))  // the i-th of the
//     conversation
//
// The messages of all these, one after the other, are those of the whole body.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/call.h"

namespace hone::wire {

// Views into the body.
struct CallParts {
  std::string_view list;                   // what the format calls its conversation: "messages"
  std::vector<std::string_view> settings;  // members ("key": value) that make no message
  std::vector<std::string_view> opening;   // members that make messages before the conversation
  // What `opening` is known by: its members, a system prompt given as blocks block by block,
  // without those that make no message and differ in every call.
  std::vector<std::string_view> opening_marks;
  std::vector<std::string_view> messages;  // elements of the conversation
};

// nullopt where the body cannot be cut: no JSON object, a key that is written in an unusual way or
// given twice, or a format in which one message can depend on the one before it. It must be read
// whole then.
[[nodiscard]] std::optional<CallParts> cut_call(Format format, std::string_view body);

[[nodiscard]] std::string settings_text(const CallParts& parts);
[[nodiscard]] std::string opening_text(const CallParts& parts);
[[nodiscard]] std::string message_text(const CallParts& parts, std::size_t index);

}  // namespace hone::wire
