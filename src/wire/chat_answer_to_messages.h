// An answer of Chat Completions as one of Anthropic Messages. Used inside this folder only.
//
// A stream there is a series of blocks, each with a start, deltas and a stop, between message_start
// and message_stop. Chat Completions sends fragments of text and of calls, and says what it cost
// behind the finish reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "wire/chat_answer_reader.h"
#include "wire/translate.h"

namespace hone::wire {

class ChatAnswerToMessages {
 public:
  ChatAnswerToMessages(AnswerPlan plan, AnswerIds ids)
      : plan_(std::move(plan)), reader_(std::move(ids.id)) {}

  // Each returns what the client gets for it.
  [[nodiscard]] std::string read_event(const json::object& chunk);
  [[nodiscard]] std::string read_done();      // "[DONE]"
  [[nodiscard]] std::string end_of_stream();  // an error where the answer had not ended
  [[nodiscard]] std::string fail_with(const std::string& message);
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool failed() const { return failed_; }

  // A body, as one or as a stream. kCorrupt where it is no answer: says why.
  [[nodiscard]] Result<json::object> whole(const json::object& body);
  [[nodiscard]] Result<std::string> whole_as_stream(const json::object& body);

 private:
  enum class Block { kNone, kText, kThinking, kTool };

  void begin();
  void say(const ChatPiece& piece);
  void open(Block kind, json::object block);
  void delta(json::object said);
  void close();
  void end_message();
  void emit(std::string_view type, json::object data);
  std::string take();
  [[nodiscard]] json::object empty_message() const;
  [[nodiscard]] json::object usage() const;
  [[nodiscard]] json::object stop() const;  // stop_reason and stop_sequence

  AnswerPlan plan_;
  ChatAnswerReader reader_;
  std::string out_;
  Block open_ = Block::kNone;
  std::int64_t index_ = 0;  // of the block that is open, or comes next
  bool refused_ = false;
  bool begun_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace hone::wire
