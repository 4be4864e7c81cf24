// A model call as the tools send it, read from a copy of the request's body; the bytes themselves
// go on untouched. Reading is lenient: unknown fields, roles and parts are kept as they are, so
// that a new client is recorded before anyone has read its release notes. Only what is not a call
// at all fails.
//
//   auto call = read_call(Format::kOpenAIChat, body);
//   for (const json::object& message : call->messages) …     // root first, see wire/message.h
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::wire {

enum class Format {
  kOpenAIChat,         // POST /v1/chat/completions
  kAnthropicMessages,  // POST /v1/messages
  kOpenAIResponses,    // POST /v1/responses
};

inline constexpr std::array<Format, 3> kFormats = {Format::kOpenAIChat, Format::kAnthropicMessages,
                                                   Format::kOpenAIResponses};

// "openai-chat", "anthropic-messages", "openai-responses": the spelling in settings, records and
// the database.
[[nodiscard]] std::string_view name(Format format);
[[nodiscard]] std::optional<Format> find_format(std::string_view name);

struct Call {
  Format format = Format::kOpenAIChat;
  std::string model;  // what the tool asked for: an alias or an upstream's name
  bool stream = false;
  std::vector<json::object> messages;  // canonical: tools and system first, then the conversation
  json::object params;                 // sampling and limits as sent: temperature, max_tokens, …
};

[[nodiscard]] Result<Call> read_call(Format format, const json::object& body);

// An error in the shape that the format's clients know. `code` is OpenAI's machine-readable word.
[[nodiscard]] std::string error_body(Format format, int status, std::string_view message,
                                     std::string_view request_id = {}, std::string_view code = {});

}  // namespace hone::wire
