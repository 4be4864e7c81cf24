// A call of one wire format to an upstream that speaks another: the request translated, and the
// answer back, streamed or not. What cannot be said in the other format is refused by the name of
// its field; what is left out on purpose is listed, with the reasons, in
// docs/formats/translation.md. No clock, no chance, no I/O: the same bytes give the same bytes.
//
//   auto request = translate_request(client, upstream, *parse_json_object(body), {"its-model"});
//   send(request->path, request->body);
//   AnswerTranslator answer(request->plan, ids);
//   write(answer.feed(bytes));                 // of an event stream, as it arrives
//   write(answer.finish());
//   const auto whole = answer.whole(status, bytes);    // or of anything else
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "wire/call.h"

namespace hone::wire {

// True where a client of the one can be answered by an upstream of the other.
[[nodiscard]] bool can_translate(Format client, Format upstream);

// "/v1/chat/completions", …: where calls of that format are posted.
[[nodiscard]] std::string_view path_of(Format format);

// What of a request decides how its answer is written.
struct AnswerPlan {
  Format client = Format::kOpenAIChat;
  Format upstream = Format::kAnthropicMessages;
  bool streamed = false;
  bool include_usage = false;   // Chat Completions: stream_options.include_usage
  bool wants_thinking = false;  // Messages: thinking is on, and to be shown
  // Responses: tools of a namespace, by the one name that they have with the upstream.
  struct NamespacedTool {
    std::string space;
    std::string name;
  };
  std::map<std::string, NamespacedTool> namespaced;
};

struct TranslatedRequest {
  std::string path;
  std::string body;
  AnswerPlan plan;
};

// The model as the upstream has it.
struct TargetModel {
  std::string_view name;
  std::int64_t max_tokens = 0;  // the most that it may be asked for; 0: no limit
};

// kInvalid names the field that cannot be translated.
[[nodiscard]] Result<TranslatedRequest> translate_request(Format client, Format upstream,
                                                          const json::object& body,
                                                          const TargetModel& model);

// What an upstream may leave out and the client's format asks for.
struct AnswerIds {
  std::string id;  // of the answer, and the beginning of its tool calls' ids
  std::int64_t created_seconds = 0;
};

// The upstream's answer in the client's format. An answer is either a stream, fed as it arrives and
// finished once, or one `whole`. No event waits for the next, but for a closing one whose contents
// the next one brings (the usage of Chat Completions comes behind the finish reason). What cannot
// be read or translated becomes an error in the client's format, and ends the answer. One thread at
// a time.
class AnswerTranslator {
 public:
  AnswerTranslator(AnswerPlan plan, AnswerIds ids, std::size_t limit_bytes = 32U << 20);
  ~AnswerTranslator();
  AnswerTranslator(AnswerTranslator&&) noexcept;
  AnswerTranslator& operator=(AnswerTranslator&&) noexcept;

  [[nodiscard]] const AnswerPlan& plan() const;

  // The client's bytes for what has arrived; "" where nothing can be said yet.
  [[nodiscard]] std::string feed(std::string_view bytes);
  // The end of the upstream's stream: an error where it came too early.
  [[nodiscard]] std::string finish();
  // True once an error was sent: nothing that follows is of use.
  [[nodiscard]] bool failed() const;

  struct Whole {
    int status = 200;
    std::string body;
    bool event_stream = false;  // the client asked for a stream, and the upstream gave none
  };
  // An answer that is no stream, or an error of any kind (`status` 400 and above), which keeps its
  // status. What is no answer at all becomes a 502.
  [[nodiscard]] Whole whole(int status, std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone::wire
