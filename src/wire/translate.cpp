#include "wire/translate.h"

#include <utility>
#include <variant>

#include "base/sse.h"
#include "wire/chat_answer_to_messages.h"
#include "wire/chat_answer_to_responses.h"
#include "wire/chat_to_messages.h"
#include "wire/messages_answer_to_chat.h"
#include "wire/messages_to_chat.h"
#include "wire/responses_to_chat.h"
#include "wire/translate_error.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

constexpr int kBadGateway = 502;

Result<json::object> translated(const json::object& body, AnswerPlan& plan) {
  if (plan.client == Format::kAnthropicMessages) return messages_to_chat(body, plan);
  if (plan.client == Format::kOpenAIResponses) return responses_to_chat(body, plan);
  return chat_to_messages(body, plan);
}

// A limit says how long an answer may grow. Many servers refuse one that their context has no room
// for, and tools ask for as much as the largest model writes.
void lower_max_tokens(std::int64_t most, json::object& request) {
  const auto* asked = given(request, "max_tokens");
  const bool less = asked != nullptr && asked->is_int64() && asked->get_int64() <= most;
  if (!less) request["max_tokens"] = most;
}

}  // namespace

bool can_translate(Format client, Format upstream) {
  if (upstream == Format::kOpenAIChat) return client != Format::kOpenAIChat;
  return upstream == Format::kAnthropicMessages && client == Format::kOpenAIChat;
}

std::string_view path_of(Format format) {
  switch (format) {
    case Format::kOpenAIChat:
      return "/v1/chat/completions";
    case Format::kAnthropicMessages:
      return "/v1/messages";
    case Format::kOpenAIResponses:
      return "/v1/responses";
  }
  return "";
}

Result<TranslatedRequest> translate_request(Format client, Format upstream,
                                            const json::object& body, const TargetModel& model) {
  HONE_ASSERT(can_translate(client, upstream));
  TranslatedRequest request;
  request.path = path_of(upstream);
  request.plan.client = client;
  request.plan.upstream = upstream;
  auto made = translated(body, request.plan);
  if (!made) {
    return fail(made.error().code, made.error().message + " (the model's upstream speaks " +
                                       std::string(name(upstream)) + ", not " +
                                       std::string(name(client)) + ")");
  }
  if (model.max_tokens > 0) lower_max_tokens(model.max_tokens, *made);
  json::object whole{{"model", model.name}};
  for (auto& member : *made) whole[member.key()] = std::move(member.value());
  request.body = plain_json(whole);
  return request;
}

struct AnswerTranslator::State {
  using Writer = std::variant<ChatAnswerToMessages, MessagesAnswerToChat, ChatAnswerToResponses>;

  static Writer writer_for(const AnswerPlan& plan, AnswerIds ids) {
    if (plan.client == Format::kAnthropicMessages) {
      return ChatAnswerToMessages(plan, std::move(ids));
    }
    if (plan.client == Format::kOpenAIResponses) return ChatAnswerToResponses(plan, ids);
    return MessagesAnswerToChat(plan, std::move(ids));
  }

  State(AnswerPlan answer_plan, AnswerIds ids, std::size_t limit)
      : plan(std::move(answer_plan)), splitter(limit), writer(writer_for(plan, std::move(ids))) {}

  std::string read(const SseEvent& event) {
    if (event.data == "[DONE]") {
      return std::visit([](auto& to) { return to.read_done(); }, writer);
    }
    const auto object = parse_json_object(event.data);
    if (!object) return fail_with("an event is no JSON object");
    return std::visit([&](auto& to) { return to.read_event(*object); }, writer);
  }

  std::string fail_with(const std::string& message) {
    return std::visit([&](auto& to) { return to.fail_with(message); }, writer);
  }

  Result<std::string> body_of(const json::object& answer) {
    const auto made = std::visit([&](auto& to) { return to.whole(answer); }, writer);
    if (!made) return fail(made.error());
    return plain_json(*made);
  }

  [[nodiscard]] bool ended() const {
    return std::visit([](const auto& to) { return to.ended(); }, writer);
  }

  [[nodiscard]] bool failed() const {
    return std::visit([](const auto& to) { return to.failed(); }, writer);
  }

  Whole refuse(int status, const UpstreamError& error) const {
    return {.status = status, .body = error_for(plan.client, status, error)};
  }

  AnswerPlan plan;
  SseSplitter splitter;
  Writer writer;
};

AnswerTranslator::AnswerTranslator(AnswerPlan plan, AnswerIds ids, std::size_t limit_bytes)
    : state_(std::make_unique<State>(std::move(plan), std::move(ids), limit_bytes)) {}
AnswerTranslator::~AnswerTranslator() = default;
AnswerTranslator::AnswerTranslator(AnswerTranslator&&) noexcept = default;
AnswerTranslator& AnswerTranslator::operator=(AnswerTranslator&&) noexcept = default;

const AnswerPlan& AnswerTranslator::plan() const {
  return state_->plan;
}

bool AnswerTranslator::failed() const {
  return state_->failed();
}

std::string AnswerTranslator::feed(std::string_view bytes) {
  State& state = *state_;
  const auto comments = state.splitter.comments();
  std::string out;
  for (const SseEvent& event : state.splitter.feed(bytes)) out += state.read(event);
  // The upstream is at work and has nothing to say: the client should know.
  if (out.empty() && state.splitter.comments() != comments && !state.ended()) out = ":\n\n";
  if (state.splitter.oversized_events() > 0) {
    out += state.fail_with("an event is too large");
  }
  return out;
}

std::string AnswerTranslator::finish() {
  State& state = *state_;
  std::string out;
  if (const auto last = state.splitter.finish()) out += state.read(*last);
  return out + std::visit([](auto& to) { return to.end_of_stream(); }, state.writer);
}

AnswerTranslator::Whole AnswerTranslator::whole(int status, std::string_view body) {
  State& state = *state_;
  const auto object = parse_json_object(body);
  if (status >= 400 && !object) {
    return state.refuse(status,
                        {.message = "the upstream answered with status " + std::to_string(status) +
                                    " and no error that can be read",
                         .type = ""});
  }
  if (status >= 400) return state.refuse(status, read_error(*object));
  if (object && is_error(*object)) return state.refuse(kBadGateway, read_error(*object));
  if (!object) return state.refuse(kBadGateway, broken_answer(object.error().message));
  auto made = state.plan.streamed
                  ? std::visit([&](auto& to) { return to.whole_as_stream(*object); }, state.writer)
                  : state.body_of(*object);
  if (!made) return state.refuse(kBadGateway, broken_answer(made.error().message));
  return {.status = status, .body = std::move(*made), .event_stream = state.plan.streamed};
}

}  // namespace hone::wire
