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

std::string sse(const std::vector<std::string_view>& data) {
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

// One of everything that a Responses stream says, without its last event.
const std::vector<std::string_view> kResponsesStream = {
    R"({"type":"response.created","response":{"id":"resp_1","model":"gpt-x","status":"in_progress","output":[],"usage":null}})",
    R"({"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}})",
    R"({"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}})",
    R"({"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"Pl"})",
    R"({"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"an."})",
    R"({"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Plan."}],"encrypted_content":"gAAA"}})",
    R"({"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}})",
    R"({"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}})",
    R"({"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Grüß"})",
    R"({"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":" Gott"})",
    R"({"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Grüß Gott"})",
    R"({"type":"response.unheard_of","output_index":1,"delta":"x"})",
    R"({"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}})",
    R"({"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"x\""})",
    R"({"type":"response.function_call_arguments.delta","output_index":2,"delta":": 2}"})",
    R"({"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"x\": 2}"})",
    R"({"type":"response.custom_tool_call_input.delta","output_index":3,"delta":"ls"})",
    R"({"type":"response.output_item.done","output_index":3,"item":{"type":"custom_tool_call","call_id":"c2","name":"exec","input":"ls"}})"};

const std::string kResponsesOutput =
    R"([{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Plan."}],)"
    R"("encrypted_content":"gAAA"},{"type":"message","id":"msg_1","role":"assistant",)"
    R"("content":[{"type":"output_text","text":"Grüß Gott","annotations":[]}]},)"
    R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\": 2}"},)"
    R"({"type":"custom_tool_call","call_id":"c2","name":"exec","input":"ls"}])";

TEST(WireAnswer, ResponsesStreamGivesTheMessageThatTheClientSendsBack) {
  const auto next = parse_json_object(R"({"model":"m","input":)" + kResponsesOutput + "}").value();
  const std::string expected =
      canonical(read_call(Format::kOpenAIResponses, next).value().messages.at(0));
  // OpenAI repeats the output at the end, Codex's own back end saves itself the trouble.
  for (const std::string& output : {kResponsesOutput, std::string("[]")}) {
    const std::string text =
        sse(kResponsesStream) +
        sse({R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":)" +
             output + R"(,"usage":{"input_tokens":11,"output_tokens":5,"total_tokens":16}}})"});
    for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, text.size()}) {
      const Answer answer = read(Format::kOpenAIResponses, true, text, piece);
      EXPECT_TRUE(answer.complete);
      EXPECT_EQ(answer.error, "");
      EXPECT_EQ(answer.response_id, "resp_1");
      EXPECT_EQ(answer.model, "gpt-x");
      EXPECT_EQ(answer.stop_reason, "completed");
      EXPECT_EQ(answer.prompt_tokens, 11);
      EXPECT_EQ(answer.completion_tokens, 5);
      EXPECT_EQ(answer.tool_call_ids, (std::vector<std::string>{"c1", "c2"}));
      EXPECT_EQ(text_of(answer.message), "Grüß Gott");
      EXPECT_EQ(canonical(answer.message), expected);
    }
  }
  const Answer body =
      read(Format::kOpenAIResponses, false,
           R"({"id":"resp_2","object":"response","status":"incomplete","error":null,)"
           R"("incomplete_details":{"reason":"max_output_tokens"},"output":)" +
               kResponsesOutput + "}",
           11);
  EXPECT_TRUE(body.complete);
  EXPECT_EQ(body.stop_reason, "max_output_tokens");
  EXPECT_EQ(canonical(body.message), expected);
}

TEST(WireAnswer, ResponsesTellsHowItFailedAndKeepsWhatWasSaid) {
  const std::string begun = sse(kResponsesStream);
  const Answer cut = read(Format::kOpenAIResponses, true, begun, 100);
  EXPECT_FALSE(cut.complete);
  EXPECT_EQ(text_of(cut.message), "Grüß Gott");
  EXPECT_EQ(cut.tool_call_ids.size(), 2U);
  const Answer failed = read(
      Format::kOpenAIResponses, true,
      begun +
          sse({R"({"type":"response.failed","response":{"id":"resp_1","status":"failed","output":[],"error":{"code":"server_error","message":"secret words"}}})"}),
      100);
  EXPECT_FALSE(failed.complete);
  EXPECT_EQ(failed.error, "server_error");
  EXPECT_EQ(text_of(failed.message), "Grüß Gott");
  const Answer error = read(
      Format::kOpenAIResponses, true,
      begun + sse({R"({"type":"error","code":"rate_limit_exceeded","message":"secret"})"}), 100);
  EXPECT_FALSE(error.complete);
  EXPECT_EQ(error.error, "rate_limit_exceeded");
  const Answer wrapped = read(
      Format::kOpenAIResponses, true,
      sse({R"({"type":"error","error":{"type":"overloaded_error","message":"secret"}})"}), 100);
  EXPECT_EQ(wrapped.error, "overloaded_error");
  const Answer cancelled = read(Format::kOpenAIResponses, false,
                                R"({"id":"resp_3","status":"cancelled","output":[]})", 9);
  EXPECT_EQ(cancelled.error, "cancelled");
  EXPECT_TRUE(cancelled.message.empty());
  const Answer queued =
      read(Format::kOpenAIResponses, false, R"({"id":"resp_4","status":"queued","output":[]})", 9);
  EXPECT_FALSE(queued.complete);
  EXPECT_EQ(queued.response_id, "resp_4");
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
    for (const Format format : {Format::kOpenAIChat, Format::kOpenAIResponses}) {
      const Answer o =
          read(format, streamed,
               R"({"error":{"message":"x","type":"insufficient_quota","code":null}})", 3);
      EXPECT_EQ(o.error, "insufficient_quota");
      EXPECT_TRUE(o.message.empty());
      EXPECT_FALSE(o.complete);
    }
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

  AnswerReader scattered(Format::kOpenAIResponses, true, 10'000);
  for (int i = 0; i < 1000; ++i) {
    scattered.feed(sse({R"({"type":"response.output_text.delta","output_index":)" +
                        std::to_string(i) + R"(,"delta":""})"}));
  }
  EXPECT_EQ(scattered.finish().error, "answer_too_large");

  AnswerReader body(Format::kOpenAIChat, false, 1000);
  for (int i = 0; i < 1000; ++i) body.feed("{ a body without end");
  EXPECT_EQ(body.finish().error, "answer_too_large");
}

}  // namespace
}  // namespace hone::wire
