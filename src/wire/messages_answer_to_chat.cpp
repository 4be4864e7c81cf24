#include "wire/messages_answer_to_chat.h"

#include "wire/answer_part.h"
#include "wire/translate_error.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

constexpr std::size_t kMaxOpenBlocks = 1024;

// "" for one that nobody can translate; pause_turn comes with tools that we never send.
std::string_view finish_reason_of(std::string_view stop_reason) {
  if (stop_reason == "end_turn" || stop_reason == "stop_sequence") return "stop";
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded") {
    return "length";
  }
  if (stop_reason == "tool_use") return "tool_calls";
  if (stop_reason == "refusal") return "content_filter";
  return {};
}

std::string unknown_reason(std::string_view stop_reason) {
  return "it ended for the reason '" + std::string(stop_reason.substr(0, 64)) + "'";
}

std::string unknown_block(std::string_view type) {
  return "it has a block of the type '" + std::string(type.substr(0, 64)) + "'";
}

json::object call_of(const json::object& block, std::string_view arguments) {
  return {{"id", string_or_empty(block, "id")},
          {"type", "function"},
          {"function", {{"name", string_or_empty(block, "name")}, {"arguments", arguments}}}};
}

bool has_members(const json::value& value) {
  return value.is_object() && !value.get_object().empty();
}

std::int64_t index_in(const json::object& event) {
  std::int64_t index = 0;
  take_count(event, "index", index);
  return index;
}

}  // namespace

// Counts are cumulative: a later one overrides an earlier one, field by field.
void MessagesAnswerToChat::read_usage(const json::object& holder, Usage& usage) {
  const auto* counts = object_at(holder, "usage");
  if (counts == nullptr) return;
  take_count(*counts, "input_tokens", usage.input);
  take_count(*counts, "cache_creation_input_tokens", usage.cache_creation);
  take_count(*counts, "cache_read_input_tokens", usage.cache_read);
  take_count(*counts, "output_tokens", usage.output);
}

// Messages counts what a cache took or gave apart; Chat Completions counts it among the prompt.
json::object MessagesAnswerToChat::usage_of(const Usage& usage) {
  const std::int64_t prompt = usage.input + usage.cache_creation + usage.cache_read;
  return {{"prompt_tokens", prompt},
          {"completion_tokens", usage.output},
          {"total_tokens", prompt + usage.output},
          {"prompt_tokens_details", json::object{{"cached_tokens", usage.cache_read}}}};
}

Result<json::object> MessagesAnswerToChat::whole(const json::object& body) const {
  const auto* content = given(body, "content");
  if (content == nullptr || !content->is_array()) {
    return fail(ErrorCode::kCorrupt, "it has no content");
  }
  std::string text;
  std::string thinking;
  json::array calls;
  for (const auto& value : content->get_array()) {
    const auto* block = value.if_object();
    const std::string_view type = block == nullptr ? "" : string_or_empty(*block, "type");
    if (type == "text") {
      text += string_or_empty(*block, "text");
    } else if (type == "thinking") {
      thinking += string_or_empty(*block, "thinking");
    } else if (type == "tool_use") {
      const auto* input = given(*block, "input");
      calls.push_back(call_of(*block, input == nullptr ? "{}" : plain_json(*input)));
    } else if (type != "redacted_thinking") {
      return fail(ErrorCode::kCorrupt, unknown_block(type));
    }
  }
  const std::string_view stop_reason = string_or_empty(body, "stop_reason");
  const std::string_view finish = finish_reason_of(stop_reason);
  if (finish.empty()) return fail(ErrorCode::kCorrupt, unknown_reason(stop_reason));
  json::object message{{"role", "assistant"}};
  message["content"] = text.empty() && !calls.empty() ? json::value(nullptr) : json::value(text);
  if (!thinking.empty()) message["reasoning_content"] = thinking;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  Usage usage;
  read_usage(body, usage);
  json::object choice{{"index", 0}, {"message", std::move(message)}, {"logprobs", nullptr}};
  choice["finish_reason"] = finish;
  std::string id(string_or_empty(body, "id"));
  json::object out{{"id", id.empty() ? ids_.id : id},
                   {"object", "chat.completion"},
                   {"created", ids_.created_seconds},
                   {"model", string_or_empty(body, "model")}};
  json::array choices;
  choices.push_back(std::move(choice));
  out["choices"] = std::move(choices);
  out["usage"] = usage_of(usage);
  return out;
}

Result<std::string> MessagesAnswerToChat::whole_as_stream(const json::object& body) {
  const auto completion = whole(body);
  if (!completion) return fail(completion.error());
  ids_.id = string_or_empty(*completion, "id");
  model_ = string_or_empty(*completion, "model");
  const json::object& choice = *first_choice(*completion);
  json::object delta = choice.at("message").get_object();
  if (auto* calls = delta.if_contains("tool_calls")) {
    std::int64_t index = 0;
    for (auto& call : calls->get_array()) call.get_object()["index"] = index++;
  }
  emit_delta(std::move(delta));
  emit_delta({}, choice.at("finish_reason"));
  if (plan_.include_usage) {
    json::object last = chunk();
    last["usage"] = completion->at("usage");
    emit(last);
  }
  out_ += "data: [DONE]\n\n";
  return take();
}

json::object MessagesAnswerToChat::chunk() const {
  return {{"id", ids_.id},
          {"object", "chat.completion.chunk"},
          {"created", ids_.created_seconds},
          {"model", model_},
          {"choices", json::array()}};
}

void MessagesAnswerToChat::emit(const json::object& chunk) {
  out_ += "data: " + plain_json(chunk) + "\n\n";
}

void MessagesAnswerToChat::emit_delta(json::object delta, json::value finish_reason) {
  json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
  choice["finish_reason"] = std::move(finish_reason);
  json::object whole = chunk();
  whole["choices"].get_array().push_back(std::move(choice));
  // Where usage was asked for, every chunk has the field, and the last one its value.
  if (plan_.include_usage) whole["usage"] = nullptr;
  emit(whole);
}

void MessagesAnswerToChat::emit_arguments(std::int64_t call, std::string_view arguments) {
  json::object fragment{{"index", call}};
  fragment["function"] = json::object{{"arguments", arguments}};
  json::array calls;
  calls.push_back(std::move(fragment));
  emit_delta(json::object{{"tool_calls", std::move(calls)}});
}

std::string MessagesAnswerToChat::take() {
  return std::exchange(out_, {});
}

void MessagesAnswerToChat::give_up(const std::string& message) {
  if (ended_) return;
  ended_ = failed_ = true;
  out_ += error_event_for(plan_.client, broken_answer(message));
}

std::string MessagesAnswerToChat::fail_with(const std::string& message) {
  give_up(message);
  return take();
}

std::string MessagesAnswerToChat::read_event(const json::object& event) {
  if (ended_) return {};
  const std::string_view type = string_or_empty(event, "type");
  if (is_error(event)) {
    ended_ = failed_ = true;
    return error_event_for(plan_.client, read_error(event));
  }
  if (finished_ && (type == "message_start" || type.starts_with("content_block"))) {
    return fail_with("it goes on behind its end");
  }
  if (type == "message_start") {
    if (const auto* message = object_at(event, "message")) {
      const std::string_view id = string_or_empty(*message, "id");
      if (!id.empty()) ids_.id = id;
      model_ = string_or_empty(*message, "model");
      read_usage(*message, usage_);
    }
    emit_delta({{"role", "assistant"}, {"content", ""}});
  } else if (type == "content_block_start") {
    begin_block(event);
  } else if (type == "content_block_delta") {
    read_delta(event);
  } else if (type == "content_block_stop") {
    end_block(event);
  } else if (type == "message_delta") {
    read_message_delta(event);
  } else if (type == "message_stop") {
    end_message();
  } else if (type == "ping") {
    out_ += ": ping\n\n";  // a comment: it tells the client that somebody is there
  }
  // Events of a later day: a stream may have them, and clients pass them over.
  return take();
}

void MessagesAnswerToChat::begin_block(const json::object& event) {
  const auto* value = object_at(event, "content_block");
  if (value == nullptr) return give_up("it begins a block of no type");
  const std::string_view type = string_or_empty(*value, "type");
  Block block;
  if (type == "text") {
    const std::string_view text = string_or_empty(*value, "text");
    if (!text.empty()) emit_delta({{"content", text}});
  } else if (type == "thinking") {
    const std::string_view text = string_or_empty(*value, "thinking");
    if (!text.empty()) emit_delta({{"reasoning_content", text}});
  } else if (type == "tool_use") {
    block.is_tool = true;
    block.call = calls_++;
    if (const auto* input = given(*value, "input")) block.input = *input;
    json::object call = call_of(*value, "");
    call["index"] = block.call;
    json::array calls;
    calls.push_back(std::move(call));
    emit_delta(json::object{{"tool_calls", std::move(calls)}});
  } else if (type != "redacted_thinking") {
    return give_up(unknown_block(type));
  }
  if (blocks_.size() == kMaxOpenBlocks) return give_up("it has too many blocks at once");
  blocks_.insert_or_assign(index_in(event), std::move(block));
}

void MessagesAnswerToChat::read_delta(const json::object& event) {
  const auto* delta = object_at(event, "delta");
  const auto block = blocks_.find(index_in(event));
  if (delta == nullptr || block == blocks_.end()) {
    return give_up("it goes on with a block that it had not begun");
  }
  const std::string_view type = string_or_empty(*delta, "type");
  if (type == "text_delta") {
    emit_delta({{"content", string_or_empty(*delta, "text")}});
  } else if (type == "thinking_delta") {
    emit_delta({{"reasoning_content", string_or_empty(*delta, "thinking")}});
  } else if (type == "input_json_delta") {
    const std::string_view piece = string_or_empty(*delta, "partial_json");
    if (!block->second.is_tool) return give_up("it has arguments of something that is no call");
    if (piece.empty()) return;
    block->second.has_arguments = true;
    emit_arguments(block->second.call, piece);
  }
  // Signatures and citations: Chat Completions has no place for them.
}

// A call without arguments has none in its deltas; clients of Chat Completions read them as JSON.
void MessagesAnswerToChat::end_block(const json::object& event) {
  const auto found = blocks_.find(index_in(event));
  if (found == blocks_.end()) return;
  const Block block = std::move(found->second);
  blocks_.erase(found);
  if (!block.is_tool || block.has_arguments) return;
  emit_arguments(block.call, has_members(block.input) ? plain_json(block.input) : "{}");
}

void MessagesAnswerToChat::read_message_delta(const json::object& event) {
  read_usage(event, usage_);
  const auto* delta = object_at(event, "delta");
  const std::string_view reason =
      delta == nullptr ? std::string_view() : string_or_empty(*delta, "stop_reason");
  if (reason.empty() || finished_) return;
  const std::string_view finish = finish_reason_of(reason);
  if (finish.empty()) return give_up(unknown_reason(reason));
  finished_ = true;
  emit_delta({}, json::value(json::string(finish)));
}

void MessagesAnswerToChat::end_message() {
  if (!finished_) return give_up("it ended and did not say why");
  if (plan_.include_usage) {
    json::object last = chunk();
    last["usage"] = usage_of(usage_);
    emit(last);
  }
  out_ += "data: [DONE]\n\n";
  ended_ = true;
}

std::string MessagesAnswerToChat::end_of_stream() {
  if (!ended_) give_up("the stream ended before the answer did");
  return take();
}

}  // namespace hone::wire
