// An answer of Anthropic Messages as one of Chat Completions. Used inside this folder only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "wire/translate.h"

namespace hone::wire {

class MessagesAnswerToChat {
 public:
  MessagesAnswerToChat(AnswerPlan plan, AnswerIds ids)
      : plan_(std::move(plan)), ids_(std::move(ids)) {}

  // Each returns what the client gets for it.
  [[nodiscard]] std::string read_event(const json::object& event);
  [[nodiscard]] static std::string read_done() { return {}; }  // Messages has no "[DONE]"
  [[nodiscard]] std::string end_of_stream();  // an error where the answer had not ended
  [[nodiscard]] std::string fail_with(const std::string& message);
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool failed() const { return failed_; }

  // A body, as one or as a stream. kCorrupt where it is no answer: says why.
  [[nodiscard]] Result<json::object> whole(const json::object& body) const;
  [[nodiscard]] Result<std::string> whole_as_stream(const json::object& body);

 private:
  struct Block {
    bool is_tool = false;
    std::int64_t call = 0;  // its number among the calls
    json::value input;      // as content_block_start gave it
    bool has_arguments = false;
  };
  struct Usage {
    std::int64_t input = 0;
    std::int64_t cache_creation = 0;
    std::int64_t cache_read = 0;
    std::int64_t output = 0;
  };

  void begin_block(const json::object& event);
  void read_delta(const json::object& event);
  void end_block(const json::object& event);
  void read_message_delta(const json::object& event);
  void end_message();
  void emit_delta(json::object delta, json::value finish_reason = nullptr);
  void emit_arguments(std::int64_t call, std::string_view arguments);
  void emit(const json::object& chunk);
  [[nodiscard]] json::object chunk() const;
  void give_up(const std::string& message);
  std::string take();
  static void read_usage(const json::object& holder, Usage& usage);
  static json::object usage_of(const Usage& usage);

  AnswerPlan plan_;
  AnswerIds ids_;
  std::string out_;
  std::string model_;
  std::map<std::int64_t, Block> blocks_;  // those begun and not ended, by the stream's index
  std::int64_t calls_ = 0;
  Usage usage_;
  bool finished_ = false;  // the finish reason is said
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace hone::wire
