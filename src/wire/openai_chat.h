// OpenAI Chat Completions to the neutral form. Used inside this folder only.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "wire/answer.h"

namespace hone::wire {

// The tools and messages of a request's body. Fails only where "messages" is no array of objects.
[[nodiscard]] Result<std::vector<json::object>> read_openai_messages(const json::object& body);

// One message, of a request or an answer.
[[nodiscard]] json::object read_openai_message(const json::object& message);

// Puts an answer together from the chunks of a stream, or takes it from one body.
class OpenAIAnswer {
 public:
  void read_event(const json::object& chunk);
  void read_body(const json::object& body);
  void end_of_stream() { ended_ = true; }  // "[DONE]"
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] Answer finish();

 private:
  struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;
  };
  void read_common(const json::object& object);
  void read_delta(const json::object& delta);
  void read_tool_call(const json::object& fragment);
  [[nodiscard]] json::object message() const;

  Answer answer_;
  std::string text_;
  std::string refusal_;
  std::vector<std::pair<std::int64_t, ToolCall>> tool_calls_;  // by the stream's index
  json::object whole_;                                         // an answer that was not streamed
  std::size_t size_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace hone::wire
