#include "engine/serve/openai.h"

#include "engine/model/utf8.h"

namespace hone::engine::openai {
namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// A string, null, or an array of text parts.
Result<std::string> read_content(const json::object& message, const std::string& where) {
  const json::value* content = message.if_contains("content");
  if (content == nullptr || content->is_null()) return std::string();
  if (content->is_string()) return json::value_to<std::string>(*content);
  auto parts = as<json::array>(*content, where + ".content");
  if (!parts) return fail(parts.error());
  std::string text;
  for (const json::value& item : *parts) {
    const auto* part = item.if_object();
    const auto type = part != nullptr ? string_or_empty(*part, "type") : std::string_view();
    if (type != "text" && type != "refusal") {
      return invalid("field '" + where + ".content': only text parts are supported, not '" +
                     std::string(type) + "'");
    }
    auto piece = field<std::string>(*part, type);
    if (!piece) return fail(piece.error().with(where + ".content"));
    text += *piece;
  }
  return text;
}

Result<std::vector<ChatMessage>> read_messages(const json::object& body) {
  auto items = field<json::array>(body, "messages");
  if (!items) return fail(items.error());
  if (items->empty()) return invalid("field 'messages' must not be empty");
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    auto message = as<json::object>((*items)[i], where);
    if (!message) return fail(message.error());
    auto role = field<std::string>(*message, "role");
    if (!role) return fail(role.error().with(where));
    if (*role == "developer") *role = "system";
    if (*role != "system" && *role != "user" && *role != "assistant" && *role != "tool") {
      return invalid("field '" + where + ".role' must be system, user, assistant or tool");
    }
    auto content = read_content(*message, where);
    if (!content) return fail(content.error());
    messages.push_back({std::move(*role), std::move(*content)});
  }
  return messages;
}

Result<void> read_logprobs(const json::object& body, ApiCall& call) {
  const auto wanted = flag(body, "logprobs", false);
  if (!wanted) return fail(wanted.error());
  const auto likeliest = integer_between(body, "top_logprobs", 0, 20);
  if (!likeliest) return fail(likeliest.error());
  if (*likeliest && !*wanted) return invalid("field 'top_logprobs' needs 'logprobs': true");
  if (*wanted) call.order.logprobs = static_cast<int>(likeliest->value_or(0));
  const auto prompt = integer_between(body, "prompt_logprobs", 0, 20);
  if (!prompt) return fail(prompt.error());
  if (!*prompt) return {};
  if (call.streamed) return invalid("field 'prompt_logprobs' cannot be had with 'stream': true");
  call.order.prompt_logprobs = static_cast<int>(**prompt);
  return {};
}

Result<void> read_template_options(const json::object& body, ApiCall& call) {
  const auto prompt = flag(body, "add_generation_prompt", true);
  if (!prompt) return fail(prompt.error());
  const auto goes_on = flag(body, "continue_final_message", false);
  if (!goes_on) return fail(goes_on.error());
  const bool said = body.contains("add_generation_prompt");
  if (*goes_on && *prompt && said) {
    return invalid(
        "fields 'add_generation_prompt' and 'continue_final_message' exclude each other");
  }
  call.chat.continue_final_message = *goes_on;
  call.chat.add_generation_prompt = *prompt && !*goes_on;
  return {};
}

Result<void> read_rest(const json::object& body, ApiCall& call) {
  const auto choices = integer_between(body, "n", 1, 1);
  if (!choices) return fail(choices.error());
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {  // the newer wins
    const auto most = integer_between(body, name, 0, INT32_MAX);
    if (!most) return fail(most.error());
    if (*most) call.max_tokens = **most;
  }
  auto stop = stop_strings(body, "stop");
  if (!stop) return fail(stop.error());
  call.order.stop = std::move(*stop);
  const auto options = optional_field<json::object>(body, "stream_options");
  if (!options) return fail(options.error());
  if (!*options) return {};
  const auto usage = flag(**options, "include_usage", false);
  if (!usage) return fail(usage.error().with("stream_options"));
  call.include_usage = *usage;
  return {};
}

const char* finish_reason(const Piece& piece) {
  return piece.finish == Finish::kLength ? "length" : "stop";
}

std::string event(const json::object& chunk) {
  return "data: " + json::serialize(chunk) + "\n\n";
}

class ChatCompletion final : public AnswerFormat {
 public:
  explicit ChatCompletion(AnswerHead head) : head_(std::move(head)) {}

  json::object whole(const Piece& all) override {
    tokens_ = all.tokens;
    json::object choice{{"index", 0},
                        {"message", {{"role", "assistant"}, {"content", all.text}}},
                        {"logprobs", logprobs(all)},
                        {"finish_reason", finish_reason(all)}};
    json::object body = start_of("chat.completion");
    body["choices"] = json::array{std::move(choice)};
    body["usage"] = usage();
    if (!all.prompt_logprobs.empty()) body["prompt_logprobs"] = prompt_logprobs(all);
    return body;
  }

  std::string opening() override {
    return event(chunk({{"role", "assistant"}, {"content", ""}}, nullptr, nullptr));
  }

  std::string piece(const Piece& piece) override {
    tokens_ += piece.tokens;
    if (piece.text.empty() && piece.logprobs.empty()) return "";
    return event(chunk({{"content", piece.text}}, logprobs(piece), nullptr));
  }

  std::string closing(const Piece& last) override {
    std::string events = event(chunk(json::object(), nullptr, finish_reason(last)));
    if (head_.include_usage) {
      json::object body = start_of("chat.completion.chunk");
      body["choices"] = json::array();
      body["usage"] = usage();
      events += event(body);
    }
    return events + "data: [DONE]\n\n";
  }

  std::string failure(const Error& error) override { return event(error_body(error)); }

 private:
  [[nodiscard]] json::object start_of(std::string_view object) const {
    return {{"id", head_.id},
            {"object", object},
            {"created", head_.created_seconds},
            {"model", head_.model}};
  }

  [[nodiscard]] json::object chunk(json::object delta, json::value logprobs,
                                   json::value finish) const {
    json::object body = start_of("chat.completion.chunk");
    body["choices"] = json::array{json::object{{"index", 0},
                                               {"delta", std::move(delta)},
                                               {"logprobs", std::move(logprobs)},
                                               {"finish_reason", std::move(finish)}}};
    if (head_.include_usage) body["usage"] = nullptr;
    return body;
  }

  [[nodiscard]] json::object usage() const {
    return {{"prompt_tokens", head_.prompt_tokens},
            {"completion_tokens", tokens_},
            {"total_tokens", head_.prompt_tokens + tokens_}};
  }

  [[nodiscard]] json::object token(std::int64_t id, float logprob) const {
    const std::string_view bytes = head_.tokenizer->bytes(id);
    json::array numbers;
    for (const char byte : bytes) numbers.push_back(static_cast<unsigned char>(byte));
    return {{"token", replace_invalid_utf8(bytes)},
            {"logprob", logprob},
            {"bytes", std::move(numbers)}};
  }

  [[nodiscard]] json::value logprobs(const Piece& piece) const {
    if (piece.logprobs.empty()) return nullptr;
    json::array content;
    for (const TokenLogprob& entry : piece.logprobs) {
      json::array likeliest;
      for (const auto& other : entry.likeliest) likeliest.push_back(token(other.id, other.logprob));
      json::object one = token(entry.id, entry.logprob);
      one["top_logprobs"] = std::move(likeliest);
      content.push_back(std::move(one));
    }
    return json::object{{"content", std::move(content)}};
  }

  [[nodiscard]] json::object scored(std::int64_t id, float logprob, std::int64_t rank) const {
    return {{"logprob", logprob},
            {"rank", rank},
            {"decoded_token", replace_invalid_utf8(head_.tokenizer->bytes(id))}};
  }

  // As vLLM: null for the first token, then {"<id>": …} with the prompt's own token first.
  [[nodiscard]] json::array prompt_logprobs(const Piece& all) const {
    json::array entries{nullptr};
    for (const TokenLogprob& entry : all.prompt_logprobs) {
      json::object one{{std::to_string(entry.id), scored(entry.id, entry.logprob, entry.rank)}};
      for (std::size_t i = 0; i < entry.likeliest.size(); ++i) {
        const auto& other = entry.likeliest[i];
        if (other.id == entry.id) continue;
        one[std::to_string(other.id)] =
            scored(other.id, other.logprob, static_cast<std::int64_t>(i) + 1);
      }
      entries.push_back(std::move(one));
    }
    return entries;
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
  if (auto done = read_template_options(body, call); !done) return fail(done.error());
  if (auto done = read_logprobs(body, call); !done) return fail(done.error());
  if (auto done = read_rest(body, call); !done) return fail(done.error());
  return call;
}

std::unique_ptr<AnswerFormat> format(AnswerHead head) {
  return std::make_unique<ChatCompletion>(std::move(head));
}

json::object error_body(const Error& error) {
  const bool callers = error.code == ErrorCode::kInvalid || error.code == ErrorCode::kNotFound ||
                       error.code == ErrorCode::kTooLarge || error.code == ErrorCode::kConflict;
  json::value code = nullptr;
  if (error.code == ErrorCode::kNotFound) code = "model_not_found";
  if (error.code == ErrorCode::kTooLarge) code = "context_length_exceeded";
  return {{"error",
           {{"message", error.message},
            {"type", callers ? "invalid_request_error" : "server_error"},
            {"param", nullptr},
            {"code", std::move(code)}}}};
}

}  // namespace hone::engine::openai
