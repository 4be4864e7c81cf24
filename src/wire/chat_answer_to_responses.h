// An answer of Chat Completions as one of OpenAI Responses. Used inside this folder only.
//
// A stream there announces each item (a message, a thought, a call) and each part of it, brings its
// deltas, and repeats item and whole answer when they are done. All events are numbered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "wire/chat_answer_reader.h"
#include "wire/translate.h"

namespace hone::wire {

class ChatAnswerToResponses {
 public:
  ChatAnswerToResponses(AnswerPlan plan, const AnswerIds& ids)
      : plan_(std::move(plan)), created_seconds_(ids.created_seconds), reader_(ids.id) {}

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
  enum class Open { kNone, kText, kRefusal, kThinking, kCall };

  void begin();
  void say(const ChatPiece& piece);
  void open_part(Open kind);
  void open_call(const ChatPiece& piece);
  void announce(Open kind, json::object item);
  void delta(std::string_view text);
  void close();
  void end_answer();
  void give_up(std::string_view code, const std::string& message);
  // With the number of the event; `of_item` adds where the item stands.
  void emit(std::string_view type, json::object data);
  [[nodiscard]] json::object of_item(json::object data) const;
  [[nodiscard]] json::object part(std::string_view text) const;
  [[nodiscard]] json::object finished_item() const;
  [[nodiscard]] json::object response(std::string_view status) const;
  [[nodiscard]] json::object ended_response() const;
  std::string take();

  AnswerPlan plan_;
  std::int64_t created_seconds_;
  ChatAnswerReader reader_;
  std::string out_;
  std::int64_t sequence_ = 0;
  json::array output_;  // items that are done
  Open open_ = Open::kNone;
  json::object item_;  // that is open
  std::string text_;   // of it, so far
  std::size_t size_bytes_ = 0;
  bool begun_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace hone::wire
