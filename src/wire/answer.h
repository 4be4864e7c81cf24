// Reads a copy of an upstream's answer, streamed or not, beside the bytes that go to the tool, and
// puts together what was said. Whatever arrives, it never fails: what cannot be read is told in
// `error` and `complete`. Memory is bounded: past the limit on content, the answer counts as
// incomplete. One thread at a time.
//
//   AnswerReader reader(Format::kAnthropicMessages, /*streamed=*/true);
//   reader.feed(bytes);                      // as they come, cut anywhere
//   const Answer answer = reader.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "wire/call.h"

namespace hone::wire {

struct Answer {
  json::object message;            // canonical, role "assistant"; empty where nothing was said
  std::string response_id;         // the provider's
  std::string model;               // as the upstream named it
  std::string stop_reason;         // as the format spells it: "stop", "end_turn", "completed", …
  std::int64_t prompt_tokens = 0;  // with those read from or written to a cache
  std::int64_t cached_tokens = 0;  // of these, read from a cache
  std::int64_t cache_write_tokens = 0;  // of these, written to one
  std::int64_t completion_tokens = 0;
  std::vector<std::string> tool_call_ids;
  std::string error;      // the upstream's error type, or what could not be read; never content
  bool complete = false;  // the answer came to its proper end
};

class AnswerReader {
 public:
  AnswerReader(Format format, bool streamed, std::size_t limit_bytes = 32U << 20);
  ~AnswerReader();
  AnswerReader(AnswerReader&&) noexcept;
  AnswerReader& operator=(AnswerReader&&) noexcept;

  void feed(std::string_view bytes);
  [[nodiscard]] Answer finish();  // once; nothing may be fed afterwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone::wire
