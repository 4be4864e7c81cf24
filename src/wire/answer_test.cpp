#include "wire/answer.h"

#include <gtest/gtest.h>

#include "wire/message.h"

namespace hone::wire {
namespace {

Answer read(Format format, bool streamed, std::string_view text, std::size_t piece) {
  AnswerReader reader(format, streamed);
  for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  return reader.finish();
}

std::string sse(std::initializer_list<std::string_view> data) {
  std::string text;
  for (const std::string_view event : data) text += "data: " + std::string(event) + "\n\n";
  return text;
}

// The message as the next request brings it back.
std::string sent_back(Format format, std::string_view message) {
  const auto body = parse_json_object(R"({"model":"m","messages":[)" + std::string(message) + "]}");
  return canonical(read_call(format, body.value()).value().messages.at(0));
}

TEST(WireAnswer, OpenAIStreamGivesTheMessageThatTheClientSendsBack) {
  const std::string text = sse(
      {R"({"id":"chatcmpl-1","model":"llama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})",
       R"({"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Grüß"}}]})",
       R"({"id":"chatcmpl-1","choices":[{"index":1,"delta":{"content":"another choice"}}]})",
       R"({"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" Gott"}}]})",
       R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":""}}]}}]})",
       R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\""}}]}}]})",
       R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":": 2}"}}]}}]})",
       R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})",
       R"({"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}})", "[DONE]"});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, text.size()}) {
    const Answer answer = read(Format::kOpenAIChat, true, text, piece);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.response_id, "chatcmpl-1");
    EXPECT_EQ(answer.model, "llama");
    EXPECT_EQ(answer.stop_reason, "tool_calls");
    EXPECT_EQ(answer.prompt_tokens, 11);
    EXPECT_EQ(answer.completion_tokens, 5);
    EXPECT_EQ(answer.tool_call_ids, (std::vector<std::string>{"c1", "c2"}));
    EXPECT_EQ(canonical(answer.message),
              sent_back(Format::kOpenAIChat,
                        R"({"role":"assistant","content":"Grüß Gott","tool_calls":[
      {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":2}"}},
      {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]})"));
  }
}

TEST(WireAnswer, AnthropicStreamGivesTheMessageThatTheClientSendsBack) {
  const std::string text = sse(
      {R"({"type":"message_start","message":{"id":"msg_1","model":"claude-x","usage":{"input_tokens":11,"cache_read_input_tokens":3,"output_tokens":1}}})",
       R"({"type":"ping"})",
       R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Plan."}})",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}})",
       R"({"type":"content_block_stop","index":0})", R"({"type":"x_unknown_event","foo":1})",
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"Write","input":{}}})",
       R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"path\": "}})",
       R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"a.py\", \"n\": 1.0}"}})",
       R"({"type":"content_block_stop","index":1})",
       R"({"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"lost"}})",
       R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"input_tokens":12,"cache_creation_input_tokens":2,"cache_read_input_tokens":7,"output_tokens":9}})",
       R"({"type":"message_stop"})"});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, text.size()}) {
    const Answer answer = read(Format::kAnthropicMessages, true, text, piece);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.response_id, "msg_1");
    EXPECT_EQ(answer.model, "claude-x");
    EXPECT_EQ(answer.stop_reason, "tool_use");
    EXPECT_EQ(answer.prompt_tokens, 12 + 2 + 7);  // overridden field by field, never added up
    EXPECT_EQ(answer.completion_tokens, 9);
    EXPECT_EQ(answer.tool_call_ids, (std::vector<std::string>{"toolu_1"}));
    EXPECT_EQ(canonical(answer.message), sent_back(Format::kAnthropicMessages,
                                                   R"({"role":"assistant","content":[
      {"type":"thinking","thinking":"Plan.","signature":"c2ln"},
      {"type":"tool_use","id":"toolu_1","name":"Write","input":{"n":1,"path":"a.py"}}]})"));
  }
}

TEST(WireAnswer, ReadsAnswersThatAreNotStreamed) {
  const Answer openai = read(Format::kOpenAIChat, false,
                             R"({"id":"chatcmpl-2","model":"m","choices":[{"index":0,
    "message":{"role":"assistant","content":"Hello","refusal":null,"annotations":[]},
    "finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}})",
                             5);
  EXPECT_TRUE(openai.complete);
  EXPECT_EQ(text_of(openai.message), "Hello");
  EXPECT_EQ(openai.prompt_tokens, 3);
  const Answer anthropic = read(Format::kAnthropicMessages, false,
                                R"({"id":"msg_2","type":"message","role":"assistant","model":"m",
    "content":[{"type":"text","text":"Hello","citations":null}],"stop_reason":"end_turn",
    "usage":{"input_tokens":3,"output_tokens":1}})",
                                5);
  EXPECT_TRUE(anthropic.complete);
  EXPECT_EQ(canonical(anthropic.message), canonical(openai.message));
  EXPECT_EQ(anthropic.stop_reason, "end_turn");
}

TEST(WireAnswer, TellsAnErrorInMidStreamAndKeepsWhatWasSaid) {
  const Answer anthropic = read(
      Format::kAnthropicMessages, true,
      sse({R"({"type":"message_start","message":{"id":"msg_e"}})",
           R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
           R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}})",
           R"({"type":"error","error":{"type":"overloaded_error","message":"secret words"}})"}),
      9);
  EXPECT_FALSE(anthropic.complete);
  EXPECT_EQ(anthropic.error, "overloaded_error");
  EXPECT_EQ(text_of(anthropic.message), "Hel");
  const Answer openai =
      read(Format::kOpenAIChat, true,
           sse({R"({"choices":[{"delta":{"content":"Hel"}}]})",
                R"({"error":{"message":"words","type":"a sentence, not a type"}})"}),
           9);
  EXPECT_FALSE(openai.complete);
  EXPECT_EQ(openai.error, "upstream_error");
  EXPECT_EQ(text_of(openai.message), "Hel");
}

TEST(WireAnswer, ReadsAPlainErrorBodyInThePlaceOfAStream) {
  for (const bool streamed : {true, false}) {
    const Answer a =
        read(Format::kAnthropicMessages, streamed,
             R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})", 3);
    EXPECT_EQ(a.error, "overloaded_error");
    const Answer o =
        read(Format::kOpenAIChat, streamed,
             R"({"error":{"message":"x","type":"insufficient_quota","code":null}})", 3);
    EXPECT_EQ(o.error, "insufficient_quota");
    EXPECT_TRUE(o.message.empty());
    EXPECT_FALSE(o.complete);
  }
}

TEST(WireAnswer, AStreamThatIsCutOffIsNotComplete) {
  const std::string begun = R"({"choices":[{"index":0,"delta":{"content":"Hel"}}]})";
  EXPECT_FALSE(read(Format::kOpenAIChat, true, sse({begun}), 100).complete);
  EXPECT_TRUE(read(Format::kOpenAIChat, true, sse({begun, "[DONE]"}), 100).complete);
  EXPECT_FALSE(read(Format::kOpenAIChat, false, R"({"choices":[)", 100).complete);
  EXPECT_EQ(read(Format::kOpenAIChat, false, R"({"choices":[)", 100).error, "answer_unreadable");
}

TEST(WireAnswer, MemoryIsBounded) {
  AnswerReader reader(Format::kOpenAIChat, true, 1000);
  const std::string event = sse({R"({"choices":[{"index":0,"delta":{"content":"0123456789"}}]})"});
  for (int i = 0; i < 1000; ++i) reader.feed(event);
  reader.feed(sse({"[DONE]"}));
  const Answer answer = reader.finish();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.error, "answer_too_large");
  EXPECT_LT(text_of(answer.message).size(), 1100U);

  AnswerReader body(Format::kOpenAIChat, false, 1000);
  for (int i = 0; i < 1000; ++i) body.feed("{ a body without end");
  EXPECT_EQ(body.finish().error, "answer_too_large");
}

}  // namespace
}  // namespace hone::wire
