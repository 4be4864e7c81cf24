// How one answer is written: as a Chat Completion, whole or as server-sent events. An object serves
// one request.
//
//   AnswerWriter writer(head);
//   write(writer.opening());
//   write(writer.piece(piece));      // each, in order; "" where there is nothing to say
//   write(writer.closing(last));     // after the piece that has `finish`
//
// With `choices` above 1 each answer has its number, and the last one to close closes the stream.
//
// Where tools are offered, what may become a call is held back until it is certain (chat_tools.h);
// a comment in its place tells the client that the model is at work.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/model/chat_tools.h"
#include "engine/model/tokenizer.h"
#include "engine/serve/generation.h"

namespace hone::engine::openai {

struct AnswerHead {
  std::string id;
  std::string call_id;  // of the tool call that it may turn out to be; others get a number behind
  std::string model;    // as the request named it
  std::int64_t created_seconds = 0;
  std::int64_t prompt_tokens = 0;
  bool include_usage = false;
  std::vector<std::string> tools;  // names that may be called
  const Tokenizer* tokenizer = nullptr;
  std::size_t choices = 1;
};

class AnswerWriter {
 public:
  explicit AnswerWriter(AnswerHead head)
      : head_(std::move(head)), choices_(head_.choices, Choice(head_.tools)) {}

  // The whole body of an answer that is not streamed: a piece a choice.
  [[nodiscard]] json::object whole(std::span<const Piece> all);
  [[nodiscard]] json::object whole(const Piece& all) { return whole(std::span(&all, 1)); }

  [[nodiscard]] std::string opening(std::size_t choice = 0) const;
  [[nodiscard]] std::string piece(const Piece& piece, std::size_t choice = 0);
  [[nodiscard]] std::string closing(const Piece& last, std::size_t choice = 0);
  // The event for what goes wrong after the stream began.
  [[nodiscard]] static std::string failure(const Error& error);

 private:
  struct Choice {
    explicit Choice(const std::vector<std::string>& tools) : text(tools) {}
    AnswerWithTools text;
    std::vector<TokenLogprob> held_logprobs;  // of what is held back
  };
  [[nodiscard]] json::object start_of(std::string_view object) const;
  [[nodiscard]] json::object whole_choice(const Piece& all, std::size_t choice);
  [[nodiscard]] std::string chunk(std::size_t choice, json::object delta,
                                  json::object beside = {}) const;
  [[nodiscard]] std::string call_chunks(const ToolCall& call, std::size_t choice);
  [[nodiscard]] json::object call_as_json(const ToolCall& call, std::string arguments,
                                          std::size_t choice) const;
  [[nodiscard]] json::object usage() const;
  [[nodiscard]] json::object token(std::int64_t id, float logprob) const;
  [[nodiscard]] json::value logprobs(const std::vector<TokenLogprob>& tokens) const;
  [[nodiscard]] json::object scored(std::int64_t id, float logprob, std::int64_t rank) const;
  [[nodiscard]] json::array prompt_logprobs(const Piece& all) const;

  const AnswerHead head_;
  std::vector<Choice> choices_;
  std::size_t closed_ = 0;
  std::int64_t tokens_ = 0;
};

// {"error": {"message", "type", "param", "code"}}
[[nodiscard]] json::object error_body(const Error& error);

}  // namespace hone::engine::openai
