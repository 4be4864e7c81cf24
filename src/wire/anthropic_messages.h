// Anthropic Messages to the neutral form. Used inside this folder only.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "wire/answer.h"

namespace hone::wire {

// Claude Code puts its build and entry point first in the system prompt; they differ between calls.
inline constexpr std::string_view kBillingBlock = "x-anthropic-billing-header:";

// The tools, system prompt and messages of a request's body. Fails only where "messages" is no
// array of objects.
[[nodiscard]] Result<std::vector<json::object>> read_anthropic_messages(const json::object& body);

// One message may become several: each tool result is a message of its own, as in the other format.
void read_anthropic_message(const json::object& message, std::vector<json::object>& messages);

// Puts an answer together from the events of a stream, or takes it from one body.
class AnthropicAnswer {
 public:
  void read_event(const json::object& event);
  void read_body(const json::object& body);
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] Answer finish();

 private:
  struct Block {
    json::object value;   // as content_block_start gave it
    std::string text;     // of text and thinking
    std::string partial;  // of a tool's input
  };
  void read_message(const json::object& message);
  void read_usage(const json::object& holder);
  void read_delta(const json::object& event);
  [[nodiscard]] json::array content() const;

  Answer answer_;
  std::map<std::int64_t, Block> blocks_;  // by the stream's index
  json::array whole_;                     // the content of an answer that was not streamed
  std::int64_t input_tokens_ = 0;
  std::int64_t cache_creation_input_tokens_ = 0;
  std::int64_t cache_read_input_tokens_ = 0;
  std::size_t size_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace hone::wire
