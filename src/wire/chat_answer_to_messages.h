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
#include "wire/translate.h"

namespace hone::wire {

class ChatAnswerToMessages {
 public:
  ChatAnswerToMessages(AnswerPlan plan, AnswerIds ids) : plan_(plan), ids_(std::move(ids)) {}

  // Each returns what the client gets for it.
  [[nodiscard]] std::string read_event(const json::object& chunk);
  [[nodiscard]] std::string read_done();      // "[DONE]"
  [[nodiscard]] std::string end_of_stream();  // an error where the answer had not ended
  [[nodiscard]] std::string fail_with(const std::string& message);
  [[nodiscard]] bool failed() const { return failed_; }

  // kCorrupt where it is no answer.
  [[nodiscard]] Result<json::object> whole(const json::object& body) const;
  // What `whole` made, as a stream for a client that asked for one.
  [[nodiscard]] std::string as_stream(json::object message);

 private:
  enum class Block { kNone, kText, kThinking, kTool };
  struct Call {
    std::int64_t index = 0;  // the upstream's
    std::string id;
    bool begun = false;
  };
  struct Usage {
    std::int64_t prompt = 0;
    std::int64_t cached = 0;
    std::int64_t completion = 0;
  };

  void begin(const json::object& chunk);
  void read_delta(const json::object& delta);
  void add_text(std::string_view text);
  void add_thinking(std::string_view text);
  void read_call(const json::object& fragment);
  void begin_call(Call& call, std::string_view name);
  void read_finish(const json::object& choice);
  void open(Block kind, json::object block);
  void delta(json::object delta);
  void close();
  void end_message();
  void emit(std::string_view type, json::object data);
  void give_up(const std::string& message);
  std::string take();
  static void read_usage(const json::object& body, Usage& usage);
  static json::object usage_of(const Usage& usage);

  AnswerPlan plan_;
  AnswerIds ids_;
  std::string out_;
  Block open_ = Block::kNone;
  std::int64_t index_ = 0;  // of the block that is open, or comes next
  std::vector<Call> calls_;
  Usage usage_;
  std::string stop_reason_;
  json::value stop_sequence_;
  bool refused_ = false;
  bool begun_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace hone::wire
