#include "wire/chat_answer_to_messages.h"

#include "wire/translate_error.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

using Kind = ChatPiece::Kind;

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// Nobody signed it: it is for the eyes, and is not sent back to the upstream.
json::object thinking_block(std::string_view text) {
  return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
}

json::object tool_block(const ChatPiece& call) {
  return {{"type", "tool_use"},
          {"id", anthropic_tool_id(call.id)},
          {"name", call.text},
          {"input", json::object()}};
}

std::string_view stop_reason_of(ChatEnd end) {
  switch (end) {
    case ChatEnd::kNone:
    case ChatEnd::kStop:
      return "end_turn";
    case ChatEnd::kStopSequence:
      return "stop_sequence";
    case ChatEnd::kLength:
      return "max_tokens";
    case ChatEnd::kCalls:
      return "tool_use";
    case ChatEnd::kFiltered:
      return "refusal";
  }
  return "end_turn";
}

}  // namespace

json::object ChatAnswerToMessages::empty_message() const {
  return {{"id", reader_.id()},       {"type", "message"},        {"role", "assistant"},
          {"model", reader_.model()}, {"content", json::array()}, {"stop_reason", nullptr},
          {"stop_sequence", nullptr}};
}

// Chat Completions counts what came from a cache among the prompt; Messages counts it apart.
json::object ChatAnswerToMessages::usage() const {
  const ChatUsage& usage = reader_.usage();
  return {{"input_tokens", usage.prompt - usage.cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached},
          {"output_tokens", usage.completion}};
}

json::object ChatAnswerToMessages::stop() const {
  ChatEnd end = reader_.end();
  if (end == ChatEnd::kStop && refused_) end = ChatEnd::kFiltered;
  if (end == ChatEnd::kNone && reader_.called()) end = ChatEnd::kCalls;
  json::object said{{"stop_reason", stop_reason_of(end)}, {"stop_sequence", nullptr}};
  if (end == ChatEnd::kStopSequence) said["stop_sequence"] = json::string(reader_.stop_sequence());
  return said;
}

Result<json::object> ChatAnswerToMessages::whole(const json::object& body) {
  const auto pieces = reader_.read_body(body);
  if (!pieces) return fail(pieces.error());
  json::array blocks;
  for (const auto& piece : *pieces) {
    if (piece.kind == Kind::kThinking && plan_.wants_thinking) {
      blocks.push_back(thinking_block(piece.text));
    } else if (piece.kind == Kind::kText || piece.kind == Kind::kRefusal) {
      blocks.push_back(text_block(piece.text));
    } else if (piece.kind == Kind::kCall) {
      blocks.push_back(tool_block(piece));
    } else if (piece.kind == Kind::kArguments) {
      auto& call = blocks.back().get_object();
      const json::value text(json::string(piece.text));
      auto input = arguments_object(&text, "arguments");
      if (!input) {
        return fail(ErrorCode::kCorrupt, "the model called the tool '" +
                                             std::string(string_or_empty(call, "name")) +
                                             "' with arguments that are no JSON object");
      }
      call["input"] = std::move(*input);
    }
    refused_ = refused_ || piece.kind == Kind::kRefusal;
  }
  json::object message = empty_message();
  message["content"] = std::move(blocks);
  for (auto& member : stop()) message[member.key()] = std::move(member.value());
  message["usage"] = usage();
  return message;
}

Result<std::string> ChatAnswerToMessages::whole_as_stream(const json::object& body) {
  const auto pieces = reader_.read_body(body);
  if (!pieces) return fail(pieces.error());
  begin();
  for (const auto& piece : *pieces) say(piece);
  end_message();
  return take();
}

std::string ChatAnswerToMessages::read_event(const json::object& chunk) {
  if (ended_) return {};
  if (is_error(chunk)) {
    ended_ = failed_ = true;
    return error_event_for(plan_.client, read_error(chunk));
  }
  const auto pieces = reader_.read_chunk(chunk);
  if (!pieces) return fail_with(pieces.error().message);
  if (reader_.begun()) begin();
  for (const auto& piece : *pieces) say(piece);
  if (reader_.end() != ChatEnd::kNone) {
    close();
    // The usage comes last, and Messages tells it together with the stop reason.
    if (reader_.usage_told()) end_message();
  }
  return take();
}

std::string ChatAnswerToMessages::read_done() {
  if (begun_ && !ended_) end_message();
  return take();
}

std::string ChatAnswerToMessages::end_of_stream() {
  if (ended_) return {};
  if (reader_.end() == ChatEnd::kNone) return fail_with("the stream ended before the answer did");
  end_message();
  return take();
}

std::string ChatAnswerToMessages::fail_with(const std::string& message) {
  if (ended_) return {};
  ended_ = failed_ = true;
  return take() + error_event_for(plan_.client, broken_answer(message));
}

void ChatAnswerToMessages::begin() {
  if (begun_) return;
  begun_ = true;
  json::object message = empty_message();
  message["usage"] = json::object{{"input_tokens", 0},
                                  {"cache_creation_input_tokens", 0},
                                  {"cache_read_input_tokens", 0},
                                  {"output_tokens", 0}};
  emit("message_start", json::object{{"message", std::move(message)}});
}

void ChatAnswerToMessages::say(const ChatPiece& piece) {
  switch (piece.kind) {
    case Kind::kRefusal:
      refused_ = true;
      [[fallthrough]];
    case Kind::kText:
      if (open_ != Block::kText) open(Block::kText, text_block(""));
      delta({{"type", "text_delta"}, {"text", piece.text}});
      break;
    case Kind::kThinking:
      // Where the client did not ask for it, it still hears that the model is at work.
      if (!plan_.wants_thinking) return emit("ping", {});
      if (open_ != Block::kThinking) open(Block::kThinking, thinking_block(""));
      delta({{"type", "thinking_delta"}, {"thinking", piece.text}});
      break;
    case Kind::kCall:
      open(Block::kTool, tool_block(piece));
      break;
    case Kind::kArguments:
      delta({{"type", "input_json_delta"}, {"partial_json", piece.text}});
      break;
  }
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
  emit("content_block_stop", json::object{{"index", index_}});
  open_ = Block::kNone;
  ++index_;
}

void ChatAnswerToMessages::end_message() {
  close();
  emit("message_delta", {{"delta", stop()}, {"usage", usage()}});
  emit("message_stop", {});
  ended_ = true;
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

}  // namespace hone::wire
