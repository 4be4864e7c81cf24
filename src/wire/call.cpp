#include "wire/call.h"

#include <array>

#include "wire/anthropic_messages.h"
#include "wire/openai_chat.h"
#include "wire/openai_responses.h"

namespace hone::wire {
namespace {

// What shapes an answer besides the messages. A list of what is kept, not of what is not: the rest
// may name people ("metadata", "user", "safeguards") or hold whole files.
constexpr std::array<std::string_view, 29> kParams = {"temperature",
                                                      "top_p",
                                                      "top_k",
                                                      "min_p",
                                                      "max_tokens",
                                                      "max_completion_tokens",
                                                      "max_output_tokens",
                                                      "max_tool_calls",
                                                      "stop",
                                                      "stop_sequences",
                                                      "n",
                                                      "seed",
                                                      "presence_penalty",
                                                      "frequency_penalty",
                                                      "repetition_penalty",
                                                      "logit_bias",
                                                      "logprobs",
                                                      "top_logprobs",
                                                      "response_format",
                                                      "reasoning_effort",
                                                      "reasoning",
                                                      "text",
                                                      "truncation",
                                                      "thinking",
                                                      "output_config",
                                                      "tool_choice",
                                                      "parallel_tool_calls",
                                                      "service_tier",
                                                      "context_management"};

std::string_view error_type_for(Format format, int status) {
  const bool anthropic = format == Format::kAnthropicMessages;
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return anthropic ? "not_found_error" : "invalid_request_error";
    case 413:
      return anthropic ? "request_too_large" : "invalid_request_error";
    case 429:
      return "rate_limit_error";
    case 529:
      return anthropic ? "overloaded_error" : "server_error";
    default:
      if (status < 500) return "invalid_request_error";
      return anthropic ? "api_error" : "server_error";
  }
}

Result<std::vector<json::object>> read_messages(Format format, const json::object& body) {
  switch (format) {
    case Format::kOpenAIChat:
      return read_openai_messages(body);
    case Format::kAnthropicMessages:
      return read_anthropic_messages(body);
    case Format::kOpenAIResponses:
      return read_responses_input(body);
  }
  return fail(ErrorCode::kInvalid, "no such format");
}

}  // namespace

std::string_view name(Format format) {
  switch (format) {
    case Format::kOpenAIChat:
      return "openai-chat";
    case Format::kAnthropicMessages:
      return "anthropic-messages";
    case Format::kOpenAIResponses:
      return "openai-responses";
  }
  return "";
}

std::optional<Format> find_format(std::string_view text) {
  for (const Format format : kFormats) {
    if (name(format) == text) return format;
  }
  return std::nullopt;
}

Result<Call> read_call(Format format, const json::object& body) {
  auto model = field<std::string>(body, "model");
  if (!model) return fail(model.error());
  auto messages = read_messages(format, body);
  if (!messages) return fail(messages.error());
  Call call;
  call.format = format;
  call.model = std::move(*model);
  call.messages = std::move(*messages);
  const auto* stream = body.if_contains("stream");
  call.stream = stream != nullptr && stream->is_bool() && stream->get_bool();
  for (const std::string_view param : kParams) {
    if (const auto* value = body.if_contains(param)) call.params.emplace(param, *value);
  }
  return call;
}

std::string error_body(Format format, int status, std::string_view message,
                       std::string_view request_id, std::string_view code) {
  const std::string_view type = error_type_for(format, status);
  if (format != Format::kAnthropicMessages) {
    json::object error{{"message", message}, {"type", type}, {"param", nullptr}};
    error["code"] = code.empty() ? json::value(nullptr) : json::value(code);
    return json::serialize(json::object{{"error", std::move(error)}});
  }
  json::object body{{"type", "error"}, {"error", {{"type", type}, {"message", message}}}};
  if (!request_id.empty()) body.emplace("request_id", request_id);
  return json::serialize(body);
}

}  // namespace hone::wire
