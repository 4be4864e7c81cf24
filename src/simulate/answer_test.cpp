#include "simulate/answer.h"

#include <gtest/gtest.h>

namespace hone::simulate {
namespace {

constexpr std::string_view kOpenAiStream =
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"Map \"}}],\"usage\":null}\n\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"view\"}}]}\n\n"
    "data: "
    "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"
    "data: [DONE]\n\n";
constexpr std::string_view kAnthropicStream =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"usage\":"
    "{\"input_tokens\":9,\"output_tokens\":1}}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
    "\"text_delta\",\"text\":\"Map view\"}}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

Result<Answer> read_in_pieces(Wire wire, std::string_view bytes, std::size_t size) {
  AnswerStream stream(wire);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    if (auto fed = stream.feed(bytes.substr(at, size)); !fed) return fail(fed.error());
  }
  return stream.finish();
}

void expect_map_view(const Result<Answer>& answer, std::string_view id) {
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Map view");
  EXPECT_EQ(answer->response_id, id);
  EXPECT_EQ(answer->prompt_tokens, 9);
  EXPECT_EQ(answer->completion_tokens, 2);
}

TEST(Answer, IsTheSameHoweverTheStreamIsCut) {
  for (std::size_t size = 1; size < 80; ++size) {
    expect_map_view(read_in_pieces(Wire::kOpenAiChat, kOpenAiStream, size), "c1");
    expect_map_view(read_in_pieces(Wire::kAnthropicMessages, kAnthropicStream, size), "m1");
  }
}

TEST(Answer, ReadsWholeBodies) {
  expect_map_view(
      read_answer(Wire::kOpenAiChat, R"({"id":"c1","choices":[{"message":{"content":"Map view"}}],)"
                                     R"("usage":{"prompt_tokens":9,"completion_tokens":2}})"),
      "c1");
  expect_map_view(read_answer(Wire::kAnthropicMessages,
                              R"({"id":"m1","content":[{"type":"text","text":"Map view"}],)"
                              R"("usage":{"input_tokens":9,"output_tokens":2}})"),
                  "m1");
}

TEST(Answer, SayingNothingIsAnAnswer) {
  const auto whole =
      read_answer(Wire::kAnthropicMessages,
                  R"({"id":"m1","content":[],"usage":{"input_tokens":9,"output_tokens":1}})");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->text, "");
  EXPECT_EQ(whole->response_id, "m1");
  EXPECT_FALSE(read_answer(Wire::kAnthropicMessages, R"({"id":"m1"})"));
  EXPECT_FALSE(read_answer(Wire::kOpenAiChat, R"({"id":"c1","content":[],"choices":[]})"));
}

TEST(Answer, AStreamCutShortIsAnError) {
  for (const Wire wire : {Wire::kOpenAiChat, Wire::kAnthropicMessages}) {
    const auto whole = wire == Wire::kOpenAiChat ? kOpenAiStream : kAnthropicStream;
    const auto answer = read_in_pieces(wire, whole.substr(0, whole.size() - 20), 7);
    EXPECT_FALSE(answer) << static_cast<int>(wire);
  }
}

TEST(Answer, ErrorEventsAndBrokenBytesAreErrors) {
  for (const std::string_view bytes : {"data: {\"error\":{\"message\":\"overloaded\"}}\n\n",
                                       "data: {\n\n", "data: []\n\n", "<html>", ""}) {
    for (const Wire wire : {Wire::kOpenAiChat, Wire::kAnthropicMessages}) {
      EXPECT_FALSE(read_in_pieces(wire, bytes, 64)) << bytes;
      EXPECT_FALSE(read_answer(wire, bytes)) << bytes;
    }
  }
  // Wrong types inside are read over, never trusted.
  EXPECT_FALSE(read_answer(Wire::kOpenAiChat, R"({"choices":[7]})"));
  const auto odd = read_answer(Wire::kOpenAiChat, R"({"id":3,"choices":[{"message":[]}]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->text, "");
}

}  // namespace
}  // namespace hone::simulate
