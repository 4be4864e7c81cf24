#include "wire/translate_error.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/translate_part.h"

namespace hone::wire {
namespace {

constexpr std::string_view kUnnamed = "the upstream reported an error and did not say which";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool says_too_long(std::string_view type, std::string_view code, std::string_view message) {
  return code == "context_length_exceeded" || type == "exceed_context_size_error" ||
         contains(message, "maximum context length") || contains(message, "prompt is too long");
}

// The status that such an error has outside of a stream.
int status_of(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, int>, 8> kKnown = {{{"overloaded", 529},
                                                                       {"rate_limit", 429},
                                                                       {"authentication", 401},
                                                                       {"permission", 403},
                                                                       {"not_found", 404},
                                                                       {"too_large", 413},
                                                                       {"invalid_request", 400},
                                                                       {"BadRequest", 400}}};
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const auto& known) { return contains(type, known.first); });
  return found == kKnown.end() ? 500 : found->second;
}

}  // namespace

bool is_error(const json::object& body) {
  return given(body, "error") != nullptr || string_or_empty(body, "object") == "error" ||
         string_or_empty(body, "type") == "error";
}

UpstreamError read_error(const json::object& body) {
  UpstreamError error;
  const auto* value = given(body, "error");
  const auto* nested = value == nullptr ? nullptr : value->if_object();
  const json::object& holder = nested != nullptr ? *nested : body;
  if (value != nullptr && value->is_string()) {
    error.message = std::string(value->get_string());
  } else {
    error.message = string_or_empty(holder, "message");
    if (error.message.empty()) error.message = string_or_empty(holder, "detail");
  }
  error.type = string_or_empty(holder, "type");
  error.too_long = says_too_long(error.type, string_or_empty(holder, "code"), error.message);
  if (error.message.empty()) error.message = kUnnamed;
  return error;
}

UpstreamError broken_answer(std::string_view why) {
  UpstreamError error;
  error.message = "the upstream's answer cannot be followed: " + std::string(why);
  return error;
}

std::string error_for(Format client, int status, const UpstreamError& error) {
  if (!error.too_long) return error_body(client, status, error.message);
  if (client != Format::kAnthropicMessages) {
    return error_body(client, status, error.message, {}, "context_length_exceeded");
  }
  const bool said = contains(error.message, "prompt is too long");
  return error_body(client, status, said ? error.message : "prompt is too long: " + error.message);
}

std::string error_event_for(Format client, const UpstreamError& error) {
  const int status = error.too_long ? 400 : status_of(error.type);
  const std::string data = error_for(client, status, error);
  if (client == Format::kAnthropicMessages) return "event: error\ndata: " + data + "\n\n";
  return "data: " + data + "\n\n";
}

}  // namespace hone::wire
