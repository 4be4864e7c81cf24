#include "wire/chat_answer_to_responses.h"

#include "wire/translate_error.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

using Kind = ChatPiece::Kind;

constexpr std::size_t kMaxAnswerBytes = 32U << 20;  // it is repeated at its end, so it is kept

}  // namespace

void ChatAnswerToResponses::emit(std::string_view type, json::object data) {
  json::object whole{{"type", type}, {"sequence_number", sequence_++}};
  for (auto& member : data) whole[member.key()] = std::move(member.value());
  out_ += "event: ";
  out_ += type;
  out_ += "\ndata: " + plain_json(whole) + "\n\n";
}

std::string ChatAnswerToResponses::take() {
  return std::exchange(out_, {});
}

json::object ChatAnswerToResponses::response(std::string_view status) const {
  return {{"id", reader_.id()},       {"object", "response"},   {"created_at", created_seconds_},
          {"status", status},         {"error", nullptr},       {"incomplete_details", nullptr},
          {"model", reader_.model()}, {"output", output_},      {"parallel_tool_calls", true},
          {"tool_choice", "auto"},    {"tools", json::array()}, {"usage", nullptr}};
}

json::object ChatAnswerToResponses::ended_response() const {
  const ChatEnd end = reader_.end();
  const bool cut = end == ChatEnd::kLength || end == ChatEnd::kFiltered;
  json::object said = response(cut ? "incomplete" : "completed");
  if (cut) {
    const char* reason = end == ChatEnd::kLength ? "max_output_tokens" : "content_filter";
    said["incomplete_details"] = json::object{{"reason", reason}};
  }
  const ChatUsage& usage = reader_.usage();
  said["usage"] =
      json::object{{"input_tokens", usage.prompt},
                   {"input_tokens_details", json::object{{"cached_tokens", usage.cached}}},
                   {"output_tokens", usage.completion},
                   {"output_tokens_details", json::object{{"reasoning_tokens", usage.reasoning}}},
                   {"total_tokens", usage.prompt + usage.completion}};
  return said;
}

void ChatAnswerToResponses::begin() {
  if (begun_) return;
  begun_ = true;
  emit("response.created", json::object{{"response", response("in_progress")}});
  emit("response.in_progress", json::object{{"response", response("in_progress")}});
}

json::object ChatAnswerToResponses::of_item(json::object data) const {
  data["item_id"] = item_.at("id");
  data["output_index"] = output_.size();
  if (open_ != Open::kCall) data["content_index"] = 0;
  return data;
}

json::object ChatAnswerToResponses::part(std::string_view text) const {
  if (open_ == Open::kRefusal) return {{"type", "refusal"}, {"refusal", text}};
  if (open_ == Open::kThinking) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}};
}

void ChatAnswerToResponses::announce(Open kind, json::object item) {
  close();
  open_ = kind;
  text_.clear();
  item_ = std::move(item);
  emit("response.output_item.added", {{"output_index", output_.size()}, {"item", item_}});
}

void ChatAnswerToResponses::open_part(Open kind) {
  if (open_ == kind) return;
  const std::string number = std::to_string(output_.size() + (open_ == Open::kNone ? 0 : 1));
  if (kind == Open::kThinking) {
    announce(kind, {{"type", "reasoning"},
                    {"id", "rs_" + reader_.id() + "_" + number},
                    {"summary", json::array()},
                    {"content", json::array()}});
  } else {
    announce(kind, {{"type", "message"},
                    {"id", "msg_" + reader_.id() + "_" + number},
                    {"status", "in_progress"},
                    {"role", "assistant"},
                    {"content", json::array()}});
  }
  emit("response.content_part.added", of_item(json::object{{"part", part("")}}));
}

void ChatAnswerToResponses::open_call(const ChatPiece& piece) {
  json::object item{{"type", "function_call"},
                    {"id", "fc_" + piece.id},
                    {"status", "in_progress"},
                    {"call_id", piece.id}};
  const auto known = plan_.namespaced.find(piece.text);
  item["name"] = json::string(known == plan_.namespaced.end() ? piece.text : known->second.name);
  if (known != plan_.namespaced.end()) item["namespace"] = json::string(known->second.space);
  item["arguments"] = "";
  announce(Open::kCall, std::move(item));
}

void ChatAnswerToResponses::delta(std::string_view text) {
  constexpr auto type = [](Open open) -> std::string_view {
    switch (open) {
      case Open::kRefusal:
        return "response.refusal.delta";
      case Open::kThinking:
        return "response.reasoning_text.delta";
      case Open::kCall:
        return "response.function_call_arguments.delta";
      case Open::kText:
      case Open::kNone:
        break;
    }
    return "response.output_text.delta";
  };
  text_ += text;
  size_bytes_ += text.size();
  if (size_bytes_ > kMaxAnswerBytes) return give_up("server_error", "it is too large");
  emit(type(open_), of_item(json::object{{"delta", text}}));
}

void ChatAnswerToResponses::say(const ChatPiece& piece) {
  if (ended_) return;
  switch (piece.kind) {
    case Kind::kText:
      open_part(Open::kText);
      break;
    case Kind::kRefusal:
      open_part(Open::kRefusal);
      break;
    case Kind::kThinking:
      open_part(Open::kThinking);
      break;
    case Kind::kCall:
      return open_call(piece);
    case Kind::kArguments:
      break;
  }
  delta(piece.text);
}

json::object ChatAnswerToResponses::finished_item() const {
  json::object item = item_;
  if (open_ == Open::kCall) {
    // A call without arguments: clients read them as JSON.
    item["arguments"] = json::string(text_.empty() ? "{}" : text_);
  } else {
    json::array content;
    content.push_back(part(text_));
    item["content"] = std::move(content);
  }
  if (item.contains("status")) item["status"] = "completed";
  return item;
}

void ChatAnswerToResponses::close() {
  if (open_ == Open::kNone) return;
  json::object item = finished_item();
  if (open_ == Open::kCall) {
    emit("response.function_call_arguments.done",
         of_item(json::object{{"arguments", item.at("arguments")}}));
  } else {
    if (open_ == Open::kRefusal) {
      emit("response.refusal.done", of_item(json::object{{"refusal", text_}}));
    } else {
      emit(open_ == Open::kText ? "response.output_text.done" : "response.reasoning_text.done",
           of_item(json::object{{"text", text_}}));
    }
    emit("response.content_part.done", of_item(json::object{{"part", part(text_)}}));
  }
  emit("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
  output_.push_back(std::move(item));
  open_ = Open::kNone;
}

void ChatAnswerToResponses::end_answer() {
  close();
  json::object said = ended_response();
  const bool cut = said.at("status") == "incomplete";
  emit(cut ? "response.incomplete" : "response.completed",
       json::object{{"response", std::move(said)}});
  ended_ = true;
}

std::string ChatAnswerToResponses::read_event(const json::object& chunk) {
  if (ended_) return {};
  if (is_error(chunk)) {
    const UpstreamError error = read_error(chunk);
    give_up(error.too_long ? "context_length_exceeded" : "server_error", error.message);
    return take();
  }
  const auto pieces = reader_.read_chunk(chunk);
  if (!pieces) return fail_with(pieces.error().message);
  if (reader_.begun()) begin();
  for (const auto& piece : *pieces) say(piece);
  if (ended_ || reader_.end() == ChatEnd::kNone) return take();
  close();
  // The usage comes last, and the answer's end tells it.
  if (reader_.usage_told()) end_answer();
  return take();
}

std::string ChatAnswerToResponses::read_done() {
  if (begun_ && !ended_) end_answer();
  return take();
}

std::string ChatAnswerToResponses::end_of_stream() {
  if (ended_) return {};
  if (reader_.end() == ChatEnd::kNone) return fail_with("the stream ended before the answer did");
  end_answer();
  return take();
}

void ChatAnswerToResponses::give_up(std::string_view code, const std::string& message) {
  if (ended_) return;
  ended_ = failed_ = true;
  json::object said = response("failed");
  said["error"] = json::object{{"code", code}, {"message", message}};
  emit("response.failed", json::object{{"response", std::move(said)}});
}

std::string ChatAnswerToResponses::fail_with(const std::string& message) {
  give_up("server_error", broken_answer(message).message);
  return take();
}

Result<std::string> ChatAnswerToResponses::whole_as_stream(const json::object& body) {
  const auto pieces = reader_.read_body(body);
  if (!pieces) return fail(pieces.error());
  begin();
  for (const auto& piece : *pieces) say(piece);
  if (!ended_) end_answer();
  return take();
}

// The items come about as in a stream, of which nothing is sent.
Result<json::object> ChatAnswerToResponses::whole(const json::object& body) {
  const auto stream = whole_as_stream(body);
  if (!stream) return fail(stream.error());
  if (failed_) return fail(ErrorCode::kTooLarge, "it is too large");
  return ended_response();
}

}  // namespace hone::wire
