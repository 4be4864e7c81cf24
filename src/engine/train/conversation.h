// The conversation of a dataset's line (docs/formats/run.md) in the messages of the model's own
// form, and as token ids with what the loss counts. A line with tools, calls or results is read as
// the server reads a request (serve/openai_messages.h) and told as it tells one
// (model/chat_tools.h), so that a model is trained on what it will be asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/llama_batch.h"

namespace hone::engine {

// A conversation up to the last trained token. The loss covers the tokens from `answer` on: the
// last assistant message and its end token; of an answer with calls, each call and its end token.
struct Sequence {
  TokenIds ids;
  std::size_t answer = 0;
  // Behind `answer`, in order: the headers between the calls of one answer.
  std::vector<std::size_t> passed_over{};

  [[nodiscard]] std::int64_t trained() const {
    return static_cast<std::int64_t>(ids.size() - answer - passed_over.size());
  }
  // The positions that the loss covers.
  [[nodiscard]] std::vector<std::size_t> positions() const;
};

struct Conversation {
  std::vector<ChatMessage> messages;
  bool with_tools = false;  // are offered
  std::size_t calls = 0;    // of the last answer: so many messages at the end
};

// Whether the messages in field `name` of `line`, or what else it has, need a form for tools.
[[nodiscard]] bool has_tools(const json::object& line, std::string_view name);

// The messages in field `name` of `line`, with its tools; with the answer in field `answer` (a
// text, or a message that calls) behind them, unless that is empty. Errors name the field, and
// where the chat template has no form for tools the example and the model.
[[nodiscard]] Result<Conversation> read_conversation(const json::object& line,
                                                     std::string_view name, std::string_view answer,
                                                     const Chat& chat);

// [{"role", "content"}, …] from JSON; errors name the field.
[[nodiscard]] Result<std::vector<ChatMessage>> parse_messages(const json::array& messages);

// The last answer of a conversation as the trained part. kInvalid where there is none. What an
// answer says besides its calls stands before them as context: a model of this form ends its reply
// with the first message, and would learn to announce a call and stop.
[[nodiscard]] Result<Sequence> encode_for_training(const Conversation& conversation,
                                                   const Chat& chat);
[[nodiscard]] Result<Sequence> encode_for_training(const std::vector<ChatMessage>& messages,
                                                   const Chat& chat);

}  // namespace hone::engine
