#include "wire/chat_answer_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wire/answer_part.h"
#include "wire/translate_part.h"

namespace hone::wire {
namespace {

using Kind = ChatPiece::Kind;

constexpr std::size_t kMaxCalls = 1024;

std::unexpected<Error> unfollowable(std::string message) {
  return fail(ErrorCode::kCorrupt, std::move(message));
}

// Servers have their own words besides OpenAI's. Nothing for one that nobody knows.
std::optional<ChatEnd> end_named(std::string_view finish_reason) {
  if (finish_reason == "stop" || finish_reason == "eos") return ChatEnd::kStop;
  if (finish_reason == "length" || finish_reason == "model_length") return ChatEnd::kLength;
  if (finish_reason == "tool_calls" || finish_reason == "function_call") return ChatEnd::kCalls;
  if (finish_reason == "content_filter") return ChatEnd::kFiltered;
  return std::nullopt;
}

// What a reasoning model thinks; vLLM and DeepSeek call it the one, OpenRouter and Ollama the
// other.
std::string_view reasoning_of(const json::object& message) {
  const std::string_view text = string_or_empty(message, "reasoning_content");
  return text.empty() ? string_or_empty(message, "reasoning") : text;
}

void add(std::vector<ChatPiece>& pieces, Kind kind, std::string_view text) {
  if (!text.empty()) pieces.push_back({.kind = kind, .text = std::string(text), .id = ""});
}

// A string, or parts.
void add_texts(const json::value* content, std::vector<ChatPiece>& pieces) {
  if (content == nullptr) return;
  if (const auto* text = content->if_string()) {
    add(pieces, Kind::kText, *text);
  } else if (const auto* parts = content->if_array()) {
    for (const auto& part : *parts) {
      if (const auto* object = part.if_object()) {
        add(pieces, Kind::kText, string_or_empty(*object, "text"));
      }
    }
  }
}

}  // namespace

Result<std::vector<ChatPiece>> ChatAnswerReader::read_chunk(const json::object& chunk) {
  const auto* choice = first_choice(chunk);
  read_common(chunk, choice != nullptr);
  std::vector<ChatPiece> pieces;
  if (choice == nullptr) return pieces;
  const bool over = end_ != ChatEnd::kNone;
  if (const auto* delta = object_at(*choice, "delta")) {
    if (auto done = read_message(*delta, pieces); !done) return fail(done.error());
  }
  if (over && !pieces.empty()) return unfollowable("it goes on behind its end");
  if (auto done = read_end(*choice); !done) return fail(done.error());
  return pieces;
}

Result<std::vector<ChatPiece>> ChatAnswerReader::read_body(const json::object& body) {
  const auto* choice = first_choice(body);
  const auto* message = choice == nullptr ? nullptr : object_at(*choice, "message");
  if (message == nullptr) return unfollowable("it holds no choice with a message");
  read_common(body, true);
  std::vector<ChatPiece> pieces;
  if (auto done = read_message(*message, pieces); !done) return fail(done.error());
  if (auto done = read_end(*choice); !done) return fail(done.error());
  if (end_ == ChatEnd::kNone) end_ = ChatEnd::kStop;
  return pieces;
}

void ChatAnswerReader::read_common(const json::object& body, bool has_choice) {
  const auto* counts = object_at(body, "usage");
  usage_told_ = counts != nullptr;
  if (counts != nullptr) {
    take_count(*counts, "prompt_tokens", usage_.prompt);
    take_count(*counts, "completion_tokens", usage_.completion);
    if (const auto* details = object_at(*counts, "prompt_tokens_details")) {
      take_count(*details, "cached_tokens", usage_.cached);
    }
    if (const auto* details = object_at(*counts, "completion_tokens_details")) {
      take_count(*details, "reasoning_tokens", usage_.reasoning);
    }
    usage_.cached = std::min(usage_.cached, usage_.prompt);
  }
  if (!has_choice || begun_) return;
  begun_ = true;
  if (const auto given_id = string_or_empty(body, "id"); !given_id.empty()) id_ = given_id;
  model_ = string_or_empty(body, "model");
}

Result<void> ChatAnswerReader::read_message(const json::object& message,
                                            std::vector<ChatPiece>& pieces) {
  const std::size_t before = pieces.size();
  add(pieces, Kind::kThinking, reasoning_of(message));
  add_texts(given(message, "content"), pieces);
  add(pieces, Kind::kRefusal, string_or_empty(message, "refusal"));
  if (pieces.size() > before) in_call_ = false;
  const auto* calls = given(message, "tool_calls");
  if (calls == nullptr || !calls->is_array()) return {};
  for (const auto& call : calls->get_array()) {
    if (!call.is_object()) continue;
    if (auto done = read_call(call.get_object(), pieces); !done) return done;
  }
  return {};
}

// The first fragment of a call has its id and name, the others go on with the arguments. Some
// servers leave the index out, or give the same to all: then a new id with a name begins a call.
ChatAnswerReader::Call* ChatAnswerReader::find_call(const json::object& fragment,
                                                    std::string_view name) {
  const auto* index = given(fragment, "index");
  const bool numbered = index != nullptr && index->is_int64();
  Call* found = nullptr;
  if (numbered) {
    for (auto& call : calls_) {
      if (call.index == index->get_int64()) found = &call;
    }
  } else if (!calls_.empty()) {
    found = &calls_.back();
  }
  const std::string_view id = string_or_empty(fragment, "id");
  const bool another = found != nullptr && found->begun && !name.empty() &&
                       (id.empty() ? !numbered : found->id != id);
  if (found != nullptr && !another) return found;
  if (calls_.size() == kMaxCalls) return nullptr;
  Call call;
  call.index = numbered ? index->get_int64() : static_cast<std::int64_t>(calls_.size());
  calls_.push_back(std::move(call));
  return &calls_.back();
}

Result<void> ChatAnswerReader::read_call(const json::object& fragment,
                                         std::vector<ChatPiece>& pieces) {
  const auto* function = object_at(fragment, "function");
  const std::string_view name =
      function == nullptr ? std::string_view() : string_or_empty(*function, "name");
  Call* call = find_call(fragment, name);
  if (call == nullptr) return unfollowable("it has too many tool calls");
  const auto number = static_cast<std::size_t>(call - calls_.data());
  if (call->id.empty()) call->id = string_or_empty(fragment, "id");
  if (!call->begun && !name.empty()) {
    call->begun = true;
    if (call->id.empty()) call->id = made_up_ + "_" + std::to_string(number);
    current_ = number;
    in_call_ = true;
    pieces.push_back({.kind = Kind::kCall, .text = std::string(name), .id = call->id});
  }
  const auto* arguments = function == nullptr ? nullptr : given(*function, "arguments");
  if (arguments == nullptr) return {};
  // Some servers send an object in place of its text.
  const std::string text =
      arguments->is_string() ? std::string(arguments->get_string()) : plain_json(*arguments);
  if (text.empty()) return {};
  if (!call->begun) return unfollowable("arguments of a tool call came before its name");
  if (!in_call_ || current_ != number) {
    return unfollowable("it goes back to a tool call that it had left");
  }
  add(pieces, Kind::kArguments, text);
  return {};
}

Result<void> ChatAnswerReader::read_end(const json::object& choice) {
  const std::string_view finish = string_or_empty(choice, "finish_reason");
  if (finish.empty()) return {};
  const auto end = end_named(finish);
  if (!end) {
    return unfollowable("it ended for the reason '" + std::string(finish.substr(0, 64)) + "'");
  }
  end_ = *end;
  if (end_ != ChatEnd::kStop) return {};
  // vLLM names the stop string that ended the answer; OpenAI does not say. Some say "stop" where
  // they call tools.
  if (called()) end_ = ChatEnd::kCalls;
  const std::string_view matched = string_or_empty(choice, "stop_reason");
  if (matched.empty()) return {};
  end_ = ChatEnd::kStopSequence;
  stop_sequence_ = matched;
  return {};
}

}  // namespace hone::wire
