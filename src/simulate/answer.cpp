#include "simulate/answer.h"

#include "base/json.h"

namespace hone::simulate {
namespace {

constexpr JsonLimits kLimits{.size_bytes = 1U << 20, .depth = 32};

const json::object& object_or_empty(const json::object& from, std::string_view name) {
  static const json::object kEmpty;
  const json::value* value = from.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kEmpty;
}

// The first element of an array of objects.
const json::object* first_of(const json::object& from, std::string_view name) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr || !value->is_array() || value->get_array().empty()) return nullptr;
  return value->get_array().front().if_object();
}

// Keeps the larger number: Anthropic's stream reports usage twice, the later one in part.
void read_count(const json::object& usage, std::string_view name, std::int64_t& count) {
  const json::value* value = usage.if_contains(name);
  if (value != nullptr && value->is_int64()) count = std::max(count, value->get_int64());
}

void read_usage(Wire wire, const json::object& from, Answer& answer) {
  const json::object& usage = object_or_empty(from, "usage");
  const bool openai = wire == Wire::kOpenAiChat;
  read_count(usage, openai ? "prompt_tokens" : "input_tokens", answer.prompt_tokens);
  read_count(usage, openai ? "completion_tokens" : "output_tokens", answer.completion_tokens);
}

Result<void> refuse_error(const json::object& event) {
  const json::value* error = event.if_contains("error");
  if (error == nullptr || error->is_null()) return {};
  return fail(ErrorCode::kUnavailable, "the answer is an error: " + json::serialize(*error));
}

void read_openai_event(const json::object& event, Answer& answer) {
  if (answer.response_id.empty()) answer.response_id = string_or_empty(event, "id");
  read_usage(Wire::kOpenAiChat, event, answer);
  const json::object* choice = first_of(event, "choices");
  if (choice == nullptr) return;
  answer.text += string_or_empty(object_or_empty(*choice, "delta"), "content");
}

void read_anthropic_event(const json::object& event, Answer& answer) {
  const json::object& message = object_or_empty(event, "message");
  if (answer.response_id.empty()) answer.response_id = string_or_empty(message, "id");
  read_usage(Wire::kAnthropicMessages, message, answer);
  read_usage(Wire::kAnthropicMessages, event, answer);
  if (string_or_empty(event, "type") != "content_block_delta") return;
  answer.text += string_or_empty(object_or_empty(event, "delta"), "text");
}

}  // namespace

Result<Answer> read_answer(Wire wire, std::string_view body) {
  auto object = parse_json_object(body, kLimits);
  if (!object) return fail(object.error().with("the answer"));
  if (auto fine = refuse_error(*object); !fine) return fail(fine.error());
  Answer answer;
  answer.response_id = string_or_empty(*object, "id");
  read_usage(wire, *object, answer);
  const bool openai = wire == Wire::kOpenAiChat;
  const json::object* first = first_of(*object, openai ? "choices" : "content");
  if (first == nullptr) {
    // Messages has no block where nothing is said.
    const json::value* content = openai ? nullptr : object->if_contains("content");
    if (content != nullptr && content->is_array() && content->get_array().empty()) return answer;
    return fail(ErrorCode::kInvalid, "the answer has no content");
  }
  answer.text = openai ? string_or_empty(object_or_empty(*first, "message"), "content")
                       : string_or_empty(*first, "text");
  return answer;
}

Result<void> AnswerStream::feed(std::string_view bytes) {
  for (const SseEvent& event : splitter_.feed(bytes)) {
    if (auto read = read_event(event); !read) return read;
  }
  return {};
}

Result<void> AnswerStream::read_event(const SseEvent& event) {
  if (event.data == "[DONE]") {
    ended_ = true;
    return {};
  }
  auto object = parse_json_object(event.data, kLimits);
  if (!object) return fail(object.error().with("an event of the stream"));
  if (auto fine = refuse_error(*object); !fine) return fine;
  if (wire_ == Wire::kOpenAiChat) {
    read_openai_event(*object, answer_);
  } else {
    read_anthropic_event(*object, answer_);
    ended_ = ended_ || string_or_empty(*object, "type") == "message_stop";
  }
  return {};
}

Result<Answer> AnswerStream::finish() {
  if (auto last = splitter_.finish()) {
    if (auto read = read_event(*last); !read) return fail(read.error());
  }
  if (!ended_) return fail(ErrorCode::kIo, "the stream ended before its last event");
  return answer_;
}

}  // namespace hone::simulate
