#include "engine/serve/anthropic.h"

namespace hone::engine::anthropic {
namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// A string, or an array of text blocks. What the model thought is left out of its context, as
// Anthropic does; a tool's result is its text.
Result<std::string> read_text(const json::value& content, const std::string& where, int depth = 0) {
  if (content.is_string()) return json::value_to<std::string>(content);
  auto blocks = as<json::array>(content, where);
  if (!blocks) return fail(blocks.error());
  std::string text;
  for (const json::value& item : *blocks) {
    const auto* block = item.if_object();
    const auto type = block != nullptr ? string_or_empty(*block, "type") : std::string_view();
    if (type == "thinking" || type == "redacted_thinking") continue;
    const bool result = type == "tool_result" && depth == 0;
    if (type != "text" && !result) {
      return invalid("field '" + where + "': only text is supported, not '" + std::string(type) +
                     "'");
    }
    const json::value* inner = block->if_contains(result ? "content" : "text");
    if (inner == nullptr && result) continue;
    if (inner == nullptr) return invalid("field '" + where + ".text' is missing");
    auto piece = read_text(*inner, where, depth + 1);
    if (!piece) return fail(piece.error());
    if (!text.empty() && result) text += '\n';
    text += *piece;
  }
  return text;
}

Result<std::vector<ChatMessage>> read_messages(const json::object& body) {
  std::vector<ChatMessage> messages;
  const json::value* system = body.if_contains("system");
  if (system != nullptr && !system->is_null()) {
    auto text = read_text(*system, "system");
    if (!text) return fail(text.error());
    messages.push_back({"system", std::move(*text)});
  }
  auto items = field<json::array>(body, "messages");
  if (!items) return fail(items.error());
  if (items->empty()) return invalid("field 'messages' must not be empty");
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    auto message = as<json::object>((*items)[i], where);
    if (!message) return fail(message.error());
    auto role = field<std::string>(*message, "role");
    if (!role) return fail(role.error().with(where));
    if (*role != "user" && *role != "assistant") {
      return invalid("field '" + where + ".role' must be user or assistant");
    }
    const json::value* content = message->if_contains("content");
    if (content == nullptr) return invalid("field '" + where + ".content' is missing");
    auto text = read_text(*content, where + ".content");
    if (!text) return fail(text.error());
    messages.push_back({std::move(*role), std::move(*text)});
  }
  return messages;
}

json::object event_data(std::string_view type) {
  return {{"type", type}};
}

std::string event(const json::object& data) {
  return "event: " + json::value_to<std::string>(data.at("type")) +
         "\ndata: " + json::serialize(data) + "\n\n";
}

const char* stop_reason(const Piece& piece) {
  switch (piece.finish.value_or(Finish::kLength)) {
    case Finish::kStop:
      return "end_turn";
    case Finish::kStopString:
      return "stop_sequence";
    case Finish::kLength:
      break;
  }
  return "max_tokens";
}

json::value stop_sequence(const Piece& piece) {
  return piece.finish == Finish::kStopString ? json::value(piece.stop_string) : json::value();
}

class Message final : public AnswerFormat {
 public:
  explicit Message(AnswerHead head) : head_(std::move(head)) {}

  json::object whole(const Piece& all) override {
    json::object body = empty_message();
    body["content"] = json::array{json::object{{"type", "text"}, {"text", all.text}}};
    body["stop_reason"] = stop_reason(all);
    body["stop_sequence"] = stop_sequence(all);
    body["usage"] = usage(all.tokens);
    return body;
  }

  std::string opening() override {
    json::object start = event_data("message_start");
    start["message"] = empty_message();
    json::object block = event_data("content_block_start");
    block["index"] = 0;
    block["content_block"] = json::object{{"type", "text"}, {"text", ""}};
    return event(start) + event(block) + event(event_data("ping"));
  }

  std::string piece(const Piece& piece) override {
    tokens_ += piece.tokens;
    if (piece.text.empty()) return "";
    json::object delta = event_data("content_block_delta");
    delta["index"] = 0;
    delta["delta"] = json::object{{"type", "text_delta"}, {"text", piece.text}};
    return event(delta);
  }

  std::string closing(const Piece& last) override {
    json::object block = event_data("content_block_stop");
    block["index"] = 0;
    json::object delta = event_data("message_delta");
    delta["delta"] =
        json::object{{"stop_reason", stop_reason(last)}, {"stop_sequence", stop_sequence(last)}};
    delta["usage"] = json::object{{"output_tokens", tokens_}};
    return event(block) + event(delta) + event(event_data("message_stop"));
  }

  std::string failure(const Error& error) override { return event(error_body(error)); }

 private:
  [[nodiscard]] json::object usage(std::int64_t tokens) const {
    return {{"input_tokens", head_.prompt_tokens}, {"output_tokens", tokens}};
  }

  [[nodiscard]] json::object empty_message() const {
    return {{"id", head_.id},           {"type", "message"},        {"role", "assistant"},
            {"model", head_.model},     {"content", json::array()}, {"stop_reason", nullptr},
            {"stop_sequence", nullptr}, {"usage", usage(0)}};
  }

  const AnswerHead head_;
  std::int64_t tokens_ = 0;
};

}  // namespace

Result<ApiCall> read_call(const json::object& body, const SamplingDefaults& defaults) {
  ApiCall call;
  if (auto done = read_common(body, defaults, call); !done) return fail(done.error());
  auto messages = read_messages(body);
  if (!messages) return fail(messages.error());
  call.messages = std::move(*messages);
  // An assistant's message at the end is a beginning that the model goes on with.
  call.chat.continue_final_message = call.messages.back().role == "assistant";
  call.chat.add_generation_prompt = !call.chat.continue_final_message;
  const auto most = integer_between(body, "max_tokens", 1, INT32_MAX);
  if (!most) return fail(most.error());
  if (!*most) return invalid("field 'max_tokens' is missing");
  call.max_tokens = **most;
  auto stop = stop_strings(body, "stop_sequences");
  if (!stop) return fail(stop.error());
  call.order.stop = std::move(*stop);
  return call;
}

std::unique_ptr<AnswerFormat> format(AnswerHead head) {
  return std::make_unique<Message>(std::move(head));
}

json::object error_body(const Error& error) {
  std::string_view type = "api_error";
  if (error.code == ErrorCode::kInvalid || error.code == ErrorCode::kTooLarge) {
    type = "invalid_request_error";
  } else if (error.code == ErrorCode::kNotFound) {
    type = "not_found_error";
  } else if (error.code == ErrorCode::kUnavailable) {
    type = "overloaded_error";
  }
  return {{"type", "error"}, {"error", {{"type", type}, {"message", error.message}}}};
}

}  // namespace hone::engine::anthropic
