// Reads answers as the people's tools do, on both wire formats, streamed and whole. Pure; what
// comes is outside bytes, so anything may be missing or of the wrong type.
//
//   AnswerStream stream(Wire::kOpenAiChat);
//   for (…chunk…) if (auto fed = stream.feed(chunk); !fed) return fail(fed.error());
//   Result<Answer> answer = stream.finish();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sse.h"
#include "simulate/people.h"

namespace hone::simulate {

struct Answer {
  std::string text;
  std::string response_id;     // the provider's
  std::string interaction_id;  // ours, from the header; empty where there was none
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

// A whole body of a call that was not streamed.
[[nodiscard]] Result<Answer> read_answer(Wire wire, std::string_view body);

class AnswerStream {
 public:
  explicit AnswerStream(Wire wire) : wire_(wire), splitter_(1U << 20) {}

  [[nodiscard]] Result<void> feed(std::string_view bytes);  // fails on an error event
  // kIo where the stream ended before its last event.
  [[nodiscard]] Result<Answer> finish();

 private:
  Result<void> read_event(const SseEvent& event);
  Wire wire_;
  SseSplitter splitter_;
  Answer answer_;
  bool ended_ = false;
};

}  // namespace hone::simulate
