#include "wire/answer.h"

#include <variant>

#include "base/sse.h"
#include "wire/anthropic_messages.h"
#include "wire/openai_chat.h"
#include "wire/openai_responses.h"

namespace hone::wire {

struct AnswerReader::State {
  State(Format format, bool is_stream, std::size_t limit)
      : streamed(is_stream), limit_bytes(limit), splitter(limit) {
    if (format == Format::kAnthropicMessages) reading.emplace<AnthropicAnswer>();
    if (format == Format::kOpenAIResponses) reading.emplace<ResponsesAnswer>();
  }

  void read_event(const SseEvent& event) {
    if (event.data == "[DONE]") {
      if (auto* openai = std::get_if<OpenAIAnswer>(&reading)) openai->end_of_stream();
      return;
    }
    const auto object = parse_json_object(event.data);
    if (!object) {
      unreadable = true;
    } else {
      std::visit([&](auto& answer) { answer.read_event(*object); }, reading);
    }
  }

  void read_body() {
    const auto object = parse_json_object(body);
    if (!object) {
      unreadable = true;
    } else {
      std::visit([&](auto& answer) { answer.read_body(*object); }, reading);
    }
  }

  [[nodiscard]] std::size_t size_bytes() const {
    return std::visit([](const auto& answer) { return answer.size_bytes(); }, reading) +
           body.size();
  }

  bool streamed;
  bool begun = false;
  bool over_limit = false;
  bool unreadable = false;
  std::size_t limit_bytes;
  SseSplitter splitter;
  std::string body;  // of an answer that is not streamed
  std::variant<OpenAIAnswer, AnthropicAnswer, ResponsesAnswer> reading;
};

AnswerReader::AnswerReader(Format format, bool streamed, std::size_t limit_bytes)
    : state_(std::make_unique<State>(format, streamed, limit_bytes)) {}
AnswerReader::~AnswerReader() = default;
AnswerReader::AnswerReader(AnswerReader&&) noexcept = default;
AnswerReader& AnswerReader::operator=(AnswerReader&&) noexcept = default;

void AnswerReader::feed(std::string_view bytes) {
  State& state = *state_;
  if (state.over_limit || bytes.empty()) return;
  // An error answers a streamed request with a plain body; no event stream begins with a brace.
  if (!state.begun && bytes.front() == '{') state.streamed = false;
  state.begun = true;
  if (state.streamed) {
    for (const SseEvent& event : state.splitter.feed(bytes)) state.read_event(event);
  } else if (bytes.size() <= state.limit_bytes - state.body.size()) {
    state.body += bytes;
  } else {
    state.over_limit = true;
  }
  if (state.size_bytes() > state.limit_bytes) state.over_limit = true;
}

Answer AnswerReader::finish() {
  State& state = *state_;
  if (!state.streamed) {
    if (!state.over_limit) state.read_body();
  } else if (const auto last = state.splitter.finish(); last && !state.over_limit) {
    state.read_event(*last);
  }
  Answer answer = std::visit([](auto& reading) { return reading.finish(); }, state.reading);
  const bool too_large = state.over_limit || state.splitter.oversized_events() > 0;
  if (answer.error.empty() && too_large) answer.error = "answer_too_large";
  if (answer.error.empty() && state.unreadable && !answer.complete) {
    answer.error = "answer_unreadable";
  }
  if (too_large) answer.complete = false;
  return answer;
}

}  // namespace hone::wire
