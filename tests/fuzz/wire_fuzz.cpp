// What tools and upstreams say: event streams, and the three formats. How a stream is cut into
// pieces must not change what is read of it.
#include "base/sse.h"
#include "capture/gateway_model_field.h"
#include "fuzz/targets.h"
#include "wire/answer.h"
#include "wire/call.h"
#include "wire/chat_form.h"
#include "wire/message.h"

namespace hone::fuzz {
namespace {

constexpr std::size_t kLimit = 1U << 16;

std::vector<SseEvent> events_of(std::string_view bytes, std::size_t piece) {
  SseSplitter splitter(kLimit);
  std::vector<SseEvent> all;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    for (auto& event : splitter.feed(bytes.substr(0, piece))) all.push_back(std::move(event));
  }
  if (auto last = splitter.finish()) all.push_back(std::move(*last));
  return all;
}

std::string answer_of(wire::Format format, bool streamed, std::string_view bytes,
                      std::size_t piece) {
  wire::AnswerReader reader(format, streamed, kLimit);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.feed(bytes.substr(0, piece));
  }
  const auto answer = reader.finish();
  must(!answer.complete || answer.error.empty(), "an answer that is complete and failed");
  must(answer.prompt_tokens >= 0 && answer.completion_tokens >= 0, "a count below zero");
  return canonical(answer.message) + answer.error + answer.stop_reason + answer.response_id;
}

// What an example may have of it: calls with arguments that trainers can read.
void bring_into_chat_form(const std::vector<json::object>& messages) {
  wire::ChatNames names;
  for (const auto& message : messages) {
    if (wire::role_of(message) == "tools") names.add(wire::chat_tools(message));
    const auto made = wire::chat_message(message, names);
    const auto* calls = made ? made->if_contains("tool_calls") : nullptr;
    if (calls == nullptr) continue;
    for (const auto& call : calls->get_array()) {
      const auto& arguments = call.at("function").at("arguments").as_string();
      must(parse_json_object(arguments, {.depth = 128}).has_value(),
           "arguments that are no JSON object");
    }
  }
}

void read_all(wire::Format format, std::string_view bytes) {
  if (const auto body = parse_json_object(bytes)) {
    if (const auto call = wire::read_call(format, *body)) {
      for (const auto& message : call->messages) {
        // Canonical JSON is JSON, and the same once more.
        const auto text = canonical(message);
        const auto again = parse_json(text, {.depth = 128});
        must(again && canonical(*again) == text, "a message that does not come back from its JSON");
      }
      bring_into_chat_form(call->messages);
    }
  }
  (void)answer_of(format, false, bytes, 5);
  const bool small = bytes.size() < kLimit / 4;  // limits may strike at another piece
  const auto whole = answer_of(format, true, bytes, bytes.size());
  must(!small || answer_of(format, true, bytes, 3) == whole, "an answer that differs by its cuts");
}

}  // namespace

void sse(std::string_view bytes) {
  const auto whole = events_of(bytes, bytes.size());
  const auto pieces = events_of(bytes, 1);
  must(whole.size() == pieces.size(), "events that differ in number by how they arrive");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    must(whole[i].data == pieces[i].data && whole[i].event == pieces[i].event,
         "an event that differs by how it arrives");
  }
}

void openai_chat(std::string_view bytes) {
  read_all(wire::Format::kOpenAIChat, bytes);
}

void anthropic_messages(std::string_view bytes) {
  read_all(wire::Format::kAnthropicMessages, bytes);
}

void openai_responses(std::string_view bytes) {
  read_all(wire::Format::kOpenAIResponses, bytes);
}

void model_field(std::string_view bytes) {
  const auto field = capture::find_model(bytes);
  if (!field) return;
  const std::string name = capture::json_string("other \"name\"");
  std::string changed;
  for (const auto piece : capture::with_model(bytes, *field, name)) changed += piece;
  const auto again = capture::find_model(changed);
  must(again && again->value == "other \"name\"", "a model's name that was put in is not found");
  must(changed.substr(0, field->begin) == bytes.substr(0, field->begin), "bytes before it changed");
  must(changed.ends_with(bytes.substr(field->begin + field->size)), "bytes after it changed");
  const auto body = parse_json_object(bytes);
  must(!body || string_or_empty(*body, "model") == field->value, "another model than JSON has");
}

}  // namespace hone::fuzz
