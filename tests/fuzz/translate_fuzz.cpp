// What clients and upstreams of different formats say to each other. Whatever the upstream sends,
// the client must get a stream that its format allows, to its end or to an error, and the same
// however the bytes arrived.
#include <algorithm>

#include "fuzz/targets.h"
#include "wire/translate.h"
#include "wire/translate_test_support.h"

namespace hone::fuzz {
namespace {

constexpr std::size_t kLimit = 1U << 16;

wire::AnswerTranslator translator(wire::Format client, wire::Format upstream, bool thinking) {
  wire::AnswerPlan plan;
  plan.client = client;
  plan.upstream = upstream;
  plan.streamed = true;
  plan.include_usage = true;
  plan.wants_thinking = thinking;
  return wire::AnswerTranslator(plan, wire::AnswerIds{.id = "req_1"}, kLimit);
}

std::string stream_of(wire::AnswerTranslator translator, std::string_view bytes,
                      std::size_t piece) {
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    out += translator.feed(bytes.substr(0, piece));
  }
  return out + translator.finish();
}

// Without comments, which come or not by how the bytes arrive.
std::string said_in(std::string_view stream) {
  std::string said;
  for (const auto& event : wire::events_in(stream)) said += event.event + " " + event.data + "\n";
  return said;
}

void answer(wire::Format client, wire::Format upstream, std::string_view bytes) {
  for (const bool thinking : {false, true}) {
    const auto whole = stream_of(translator(client, upstream, thinking), bytes, bytes.size());
    must(wire::fault_in_stream(client, whole).empty(), "a stream that its client cannot follow");
    const bool small = bytes.size() < kLimit / 4;  // limits may strike at another piece
    const auto pieces = stream_of(translator(client, upstream, thinking), bytes, 3);
    must(!small || said_in(pieces) == said_in(whole), "a stream that differs by its cuts");
  }
  for (const int status : {200, 400}) {
    const auto whole = translator(client, upstream, true).whole(status, bytes);
    must(status == 200 || whole.status == 400, "an error that lost its status");
    must(whole.status == 200 || parse_json_object(whole.body).has_value(), "an error without JSON");
    must(!whole.event_stream || wire::fault_in_stream(client, whole.body).empty(),
         "a whole answer that is no stream");
  }
}

}  // namespace

void translate_request(std::string_view bytes) {
  const auto body = parse_json_object(bytes);
  if (!body) return;
  for (const auto client : wire::kFormats) {
    for (const auto upstream : wire::kFormats) {
      if (!wire::can_translate(client, upstream)) continue;
      const auto made = wire::translate_request(client, upstream, *body, {"m"});
      must(made || !made.error().message.empty(), "a refusal that says nothing");
      if (!made) continue;
      const auto read = parse_json_object(made->body, {.depth = 128});
      must(read && string_or_empty(*read, "model") == "m", "a request that cannot be read");
      must(wire::read_call(upstream, *read).has_value(), "a request that is no call");
    }
  }
}

void chat_as_messages(std::string_view bytes) {
  answer(wire::Format::kAnthropicMessages, wire::Format::kOpenAIChat, bytes);
}

void chat_as_responses(std::string_view bytes) {
  answer(wire::Format::kOpenAIResponses, wire::Format::kOpenAIChat, bytes);
}

void messages_as_chat(std::string_view bytes) {
  answer(wire::Format::kOpenAIChat, wire::Format::kAnthropicMessages, bytes);
}

}  // namespace hone::fuzz
