// A request's body cut into the parts that `read_call` reads one by one, without reading them. An
// agent sends the whole conversation with every call: cut into parts, what was sent before is known
// by its bytes, and only what is new needs to be read.
//
//   const CutBody body(Format::kOpenAIChat, std::move(text));
//   if (const CallParts* parts = body.parts()) {
//     read_call(format, *parse_json_object(settings_text(*parts)))    // params, no messages
//     read_call(format, *parse_json_object(opening_text(*parts)))     // tools and system
//     read_call(format, *parse_json_object(message_text(*parts, i)))  // the conversation's i-th
//
// The messages of all these, one after the other, are those of the whole body.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// A body with the parts that it was cut into. It may be moved: the text stays where it is.
class CutBody {
 public:
  CutBody() = default;
  explicit CutBody(std::string text)
      : text_(std::make_unique<const std::string>(std::move(text))) {}
  CutBody(Format format, std::string text) : CutBody(std::move(text)) {
    parts_ = cut_call(format, *text_);
  }
  [[nodiscard]] std::string_view text() const { return text_ ? *text_ : std::string_view(); }
  // Null where it cannot be cut, or was not.
  [[nodiscard]] const CallParts* parts() const { return parts_ ? &*parts_ : nullptr; }

 private:
  std::unique_ptr<const std::string> text_;
  std::optional<CallParts> parts_;
};

[[nodiscard]] std::string settings_text(const CallParts& parts);
[[nodiscard]] std::string opening_text(const CallParts& parts);
[[nodiscard]] std::string message_text(const CallParts& parts, std::size_t index);

}  // namespace hone::wire
