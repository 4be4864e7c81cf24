// Errors of an upstream in the words of another format's clients. Used inside this folder only.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "wire/call.h"

namespace hone::wire {

struct UpstreamError {
  std::string message;    // never empty
  std::string type;       // the upstream's word for it, or ""
  bool too_long = false;  // the prompt does not fit into the model's context
};

// Every server has a shape of its own: {"error": {"message", "type", "code"}}, {"error": "…"},
// {"message", "type"}, {"detail": "…"}. Null where `body` is none of them.
[[nodiscard]] UpstreamError read_error(const json::object& body);
[[nodiscard]] bool is_error(const json::object& body);

// The error that stands at the end of an answer that cannot be followed.
[[nodiscard]] UpstreamError broken_answer(std::string_view why);

// A body for the client. What does not fit is said as the client's own provider says it, because
// tools act on it: they shorten the conversation and ask again.
[[nodiscard]] std::string error_for(Format client, int status, const UpstreamError& error);

// The same within a stream, where there is no status.
[[nodiscard]] std::string error_event_for(Format client, const UpstreamError& error);

}  // namespace hone::wire
