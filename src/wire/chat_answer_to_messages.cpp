#include "wire/chat_answer_to_messages.h"

#include <algorithm>

#include "wire/answer_part.h"
#include "wire/translate_error.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

constexpr std::size_t kMaxCalls = 1024;

// Servers have their own words besides OpenAI's. "" for one that nobody can translate.
std::string_view stop_reason_of(std::string_view finish_reason) {
  if (finish_reason == "stop" || finish_reason == "eos") return "end_turn";
  if (finish_reason == "length" || finish_reason == "model_length") return "max_tokens";
  if (finish_reason == "tool_calls" || finish_reason == "function_call") return "tool_use";
  if (finish_reason == "content_filter") return "refusal";
  return {};
}

// What a reasoning model thinks; vLLM and DeepSeek call it the one, OpenRouter and Ollama the other.
std::string_view reasoning_of(const json::object& message) {
  const std::string_view text = string_or_empty(message, "reasoning_content");
  return text.empty() ? string_or_empty(message, "reasoning") : text;
}

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// Nobody signed it: it is for the eyes, and is not sent back to the upstream.
json::object thinking_block(std::string_view text) {
  return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
}

json::object tool_block(std::string_view id, std::string_view name, json::object input) {
  return {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}};
}

json::object message_of(const json::object& body, const AnswerIds& ids) {
  std::string id(string_or_empty(body, "id"));
  if (id.empty()) id = ids.id;
  return {{"id", id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", string_or_empty(body, "model")},
          {"content", json::array()},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr}};
}

// vLLM names the stop string that ended the answer; OpenAI does not say.
json::value stop_sequence_of(const json::object& choice) {
  const auto* matched = given(choice, "stop_reason");
  return matched != nullptr && matched->is_string() ? *matched : json::value(nullptr);
}

std::string call_id(std::string_view given_id, const AnswerIds& ids, std::size_t number) {
  if (!given_id.empty()) return anthropic_tool_id(given_id);
  return anthropic_tool_id(ids.id) + "_" + std::to_string(number);
}

void add_texts(const json::value* content, json::array& blocks) {
  if (content == nullptr) return;
  if (const auto* text = content->if_string()) {
    if (!text->empty()) blocks.push_back(text_block(*text));
  } else if (const auto* parts = content->if_array()) {
    for (const auto& part : *parts) {
      const auto* object = part.if_object();
      const auto text = object == nullptr ? std::string_view() : string_or_empty(*object, "text");
      if (!text.empty()) blocks.push_back(text_block(text));
    }
  }
}

Result<void> add_calls(const json::object& message, const AnswerIds& ids, json::array& blocks) {
  const auto* calls = given(message, "tool_calls");
  if (calls == nullptr || !calls->is_array()) return {};
  for (const auto& value : calls->get_array()) {
    const auto* call = value.if_object();
    const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
    if (function == nullptr || string_or_empty(*function, "name").empty()) {
      return fail(ErrorCode::kCorrupt, "a tool call has no function name");
    }
    const std::string_view name = string_or_empty(*function, "name");
    auto input = arguments_object(given(*function, "arguments"), "arguments");
    if (!input) {
      return fail(ErrorCode::kCorrupt, "the model called the tool '" + std::string(name) +
                                           "' with arguments that are no JSON object");
    }
    const std::string id = call_id(string_or_empty(*call, "id"), ids, blocks.size());
    blocks.push_back(tool_block(id, name, std::move(*input)));
  }
  return {};
}

}  // namespace

void ChatAnswerToMessages::read_usage(const json::object& body, Usage& usage) {
  const auto* counts = object_at(body, "usage");
  if (counts == nullptr) return;
  take_count(*counts, "prompt_tokens", usage.prompt);
  take_count(*counts, "completion_tokens", usage.completion);
  const auto* details = object_at(*counts, "prompt_tokens_details");
  if (details != nullptr) take_count(*details, "cached_tokens", usage.cached);
}

// Chat Completions counts what came from a cache among the prompt; Messages counts it apart.
json::object ChatAnswerToMessages::usage_of(const Usage& usage) {
  const std::int64_t cached = std::min(usage.cached, usage.prompt);
  return {{"input_tokens", usage.prompt - cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", cached},
          {"output_tokens", usage.completion}};
}

Result<json::object> ChatAnswerToMessages::whole(const json::object& body) const {
  const auto* choice = first_choice(body);
  const auto* message = choice == nullptr ? nullptr : object_at(*choice, "message");
  if (message == nullptr) return fail(ErrorCode::kCorrupt, "it holds no choice with a message");
  json::array blocks;
  const std::string_view reasoning = reasoning_of(*message);
  if (plan_.wants_thinking && !reasoning.empty()) blocks.push_back(thinking_block(reasoning));
  add_texts(given(*message, "content"), blocks);
  const std::string_view refusal = string_or_empty(*message, "refusal");
  if (!refusal.empty()) blocks.push_back(text_block(refusal));
  const std::size_t texts = blocks.size();
  if (auto done = add_calls(*message, ids_, blocks); !done) return fail(done.error());

  const std::string_view finish = string_or_empty(*choice, "finish_reason");
  std::string_view reason = finish.empty() ? "end_turn" : stop_reason_of(finish);
  if (reason.empty()) {
    return fail(ErrorCode::kCorrupt,
                "it ended for the reason '" + std::string(finish.substr(0, 64)) + "'");
  }
  const json::value stop_sequence = stop_sequence_of(*choice);
  if (reason == "end_turn" && stop_sequence.is_string()) reason = "stop_sequence";
  if (reason == "end_turn" && !refusal.empty()) reason = "refusal";
  if (reason == "end_turn" && blocks.size() > texts) reason = "tool_use";
  Usage usage;
  read_usage(body, usage);
  json::object out = message_of(body, ids_);
  out["content"] = std::move(blocks);
  out["stop_reason"] = reason;
  if (reason == "stop_sequence") out["stop_sequence"] = stop_sequence;
  out["usage"] = usage_of(usage);
  return out;
}

std::string ChatAnswerToMessages::as_stream(json::object message) {
  const json::array blocks = std::move(message["content"].get_array());
  json::object said{{"stop_reason", std::exchange(message["stop_reason"], nullptr)}};
  said["stop_sequence"] = std::exchange(message["stop_sequence"], nullptr);
  const json::value usage = message["usage"];
  message["content"] = json::array();
  emit("message_start", {{"message", std::move(message)}});
  for (const auto& value : blocks) {
    const json::object& block = value.get_object();
    if (const auto* text = block.if_contains("text")) {
      open(Block::kText, text_block(""));
      delta({{"type", "text_delta"}, {"text", *text}});
    } else if (const auto* thought = block.if_contains("thinking")) {
      open(Block::kThinking, thinking_block(""));
      delta({{"type", "thinking_delta"}, {"thinking", *thought}});
    } else {
      open(Block::kTool,
           tool_block(string_or_empty(block, "id"), string_or_empty(block, "name"), {}));
      delta({{"type", "input_json_delta"}, {"partial_json", plain_json(block.at("input"))}});
    }
  }
  close();
  emit("message_delta", {{"delta", std::move(said)}, {"usage", usage}});
  emit("message_stop", {});
  return take();
}

void ChatAnswerToMessages::emit(std::string_view type, json::object data) {
  json::object whole{{"type", type}};
  for (auto& member : data) whole[member.key()] = std::move(member.value());
  out_ += "event: ";
  out_ += type;
  out_ += "\ndata: " + plain_json(whole) + "\n\n";
}

std::string ChatAnswerToMessages::take() {
  return std::exchange(out_, {});
}

void ChatAnswerToMessages::give_up(const std::string& message) {
  if (ended_) return;
  ended_ = failed_ = true;
  out_ += error_event_for(Format::kAnthropicMessages, {.message = message, .type = ""});
}

std::string ChatAnswerToMessages::fail_with(const std::string& message) {
  give_up(message);
  return take();
}

std::string ChatAnswerToMessages::read_event(const json::object& chunk) {
  if (ended_) return {};
  if (is_error(chunk)) {
    ended_ = failed_ = true;
    return error_event_for(Format::kAnthropicMessages, read_error(chunk));
  }
  read_usage(chunk, usage_);
  if (const auto* choice = first_choice(chunk)) {
    begin(chunk);
    if (const auto* said = object_at(*choice, "delta")) read_delta(*said);
    read_finish(*choice);
  }
  // The usage comes last, and Messages tells it together with the stop reason.
  if (!ended_ && !stop_reason_.empty() && object_at(chunk, "usage") != nullptr) end_message();
  return take();
}

void ChatAnswerToMessages::begin(const json::object& chunk) {
  if (begun_) return;
  begun_ = true;
  json::object message = message_of(chunk, ids_);
  message["usage"] = usage_of({});
  emit("message_start", json::object{{"message", std::move(message)}});
}

void ChatAnswerToMessages::read_delta(const json::object& said) {
  add_thinking(reasoning_of(said));
  add_text(string_or_empty(said, "content"));
  const std::string_view refusal = string_or_empty(said, "refusal");
  if (!refusal.empty()) refused_ = true;
  add_text(refusal);
  const auto* calls = given(said, "tool_calls");
  if (calls == nullptr || !calls->is_array()) return;
  for (const auto& call : calls->get_array()) {
    if (call.is_object() && !ended_) read_call(call.get_object());
  }
}

void ChatAnswerToMessages::add_text(std::string_view text) {
  if (text.empty()) return;
  if (open_ != Block::kText) open(Block::kText, text_block(""));
  delta({{"type", "text_delta"}, {"text", text}});
}

// Where the client did not ask for it, it still hears that the model is at work.
void ChatAnswerToMessages::add_thinking(std::string_view text) {
  if (text.empty()) return;
  if (!plan_.wants_thinking) {
    emit("ping", {});
    return;
  }
  if (open_ != Block::kThinking) open(Block::kThinking, thinking_block(""));
  delta({{"type", "thinking_delta"}, {"thinking", text}});
}

// The first fragment of a call has its id and name, the others go on with the arguments. Some
// servers leave the index out, or give the same to all: then a new id with a name begins a call.
void ChatAnswerToMessages::read_call(const json::object& fragment) {
  const auto* function = object_at(fragment, "function");
  const std::string_view id = string_or_empty(fragment, "id");
  const std::string_view name =
      function == nullptr ? std::string_view() : string_or_empty(*function, "name");
  const auto* index = given(fragment, "index");
  auto found = calls_.end();
  if (index != nullptr && index->is_int64()) {
    found = std::find_if(calls_.begin(), calls_.end(),
                         [&](const Call& call) { return call.index == index->get_int64(); });
  } else if (!calls_.empty()) {
    found = calls_.end() - 1;
  }
  const bool another = found != calls_.end() && found->begun && !name.empty() &&
                       (id.empty() ? index == nullptr : found->id != id);
  if (found == calls_.end() || another) {
    if (calls_.size() == kMaxCalls) return give_up("the answer has too many tool calls");
    if (another) found->index = -1;  // ended: its index belongs to the new one
    Call call;
    call.index = index != nullptr && index->is_int64() ? index->get_int64()
                                                       : static_cast<std::int64_t>(calls_.size());
    calls_.push_back(std::move(call));
    found = calls_.end() - 1;
  }
  if (found->id.empty()) found->id = id;
  if (!found->begun && !name.empty()) begin_call(*found, name);
  const auto* arguments = function == nullptr ? nullptr : given(*function, "arguments");
  if (arguments == nullptr) return;
  const std::string text = arguments->is_string() ? std::string(arguments->get_string())
                                                  : plain_json(*arguments);
  if (text.empty()) return;
  if (!found->begun) return give_up("the upstream sent arguments of a tool call before its name");
  if (open_ != Block::kTool || found != calls_.end() - 1) {
    return give_up("the upstream went back to a tool call that it had left");
  }
  delta({{"type", "input_json_delta"}, {"partial_json", text}});
}

void ChatAnswerToMessages::begin_call(Call& call, std::string_view name) {
  call.begun = true;
  const auto number = static_cast<std::size_t>(&call - calls_.data());
  open(Block::kTool, tool_block(call_id(call.id, ids_, number), name, {}));
}

void ChatAnswerToMessages::read_finish(const json::object& choice) {
  const std::string_view finish = string_or_empty(choice, "finish_reason");
  if (finish.empty() || ended_) return;
  const std::string_view reason = stop_reason_of(finish);
  if (reason.empty()) {
    return give_up("the upstream ended its answer for the reason '" +
                   std::string(finish.substr(0, 64)) + "'");
  }
  stop_reason_ = reason;
  stop_sequence_ = stop_sequence_of(choice);
  close();
}

void ChatAnswerToMessages::open(Block kind, json::object block) {
  close();
  open_ = kind;
  emit("content_block_start", {{"index", index_}, {"content_block", std::move(block)}});
}

void ChatAnswerToMessages::delta(json::object said) {
  emit("content_block_delta", {{"index", index_}, {"delta", std::move(said)}});
}

void ChatAnswerToMessages::close() {
  if (open_ == Block::kNone) return;
  emit("content_block_stop", {{"index", index_}});
  open_ = Block::kNone;
  ++index_;
}

void ChatAnswerToMessages::end_message() {
  close();
  const bool called = std::any_of(calls_.begin(), calls_.end(),
                                  [](const Call& call) { return call.begun; });
  std::string_view reason = stop_reason_.empty() ? "end_turn" : std::string_view(stop_reason_);
  if (reason == "end_turn" && stop_sequence_.is_string()) reason = "stop_sequence";
  if (reason == "end_turn" && refused_) reason = "refusal";
  if (reason == "end_turn" && called) reason = "tool_use";
  json::object said{{"stop_reason", reason}};
  said["stop_sequence"] = reason == "stop_sequence" ? stop_sequence_ : json::value(nullptr);
  emit("message_delta", {{"delta", std::move(said)}, {"usage", usage_of(usage_)}});
  emit("message_stop", {});
  ended_ = true;
}

std::string ChatAnswerToMessages::read_done() {
  if (begun_ && !ended_) end_message();
  return take();
}

std::string ChatAnswerToMessages::end_of_stream() {
  if (ended_) return {};
  if (stop_reason_.empty()) {
    give_up("the upstream's stream ended before its answer did");
  } else {
    end_message();
  }
  return take();
}

}  // namespace hone::wire
