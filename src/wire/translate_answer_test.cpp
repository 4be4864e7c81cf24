// Answers of one format in the other: streamed and whole, cut anywhere, and from upstreams that
// nobody should have.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "wire/answer.h"
#include "wire/message.h"
#include "wire/translate.h"
#include "wire/translate_test_support.h"

namespace hone::wire {
namespace {

constexpr auto kChat = Format::kOpenAIChat;
constexpr auto kMessages = Format::kAnthropicMessages;
constexpr auto kResponses = Format::kOpenAIResponses;

AnswerPlan plan_for(Format client) {
  AnswerPlan plan;
  plan.client = client;
  plan.upstream = client == kChat ? kMessages : kChat;
  plan.namespaced["n__g"] = {"n", "g"};
  plan.streamed = true;
  plan.include_usage = true;
  return plan;
}

AnswerTranslator translator_for(const AnswerPlan& plan, std::size_t limit = 1U << 20) {
  return AnswerTranslator(plan, AnswerIds{.id = "req_1", .created_seconds = 17}, limit);
}

std::string streamed(const AnswerPlan& plan, std::string_view bytes, std::size_t piece = 1U << 20) {
  auto translator = translator_for(plan);
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    out += translator.feed(bytes.substr(0, piece));
  }
  return out + translator.finish();
}

Answer read_back(Format format, std::string_view bytes, bool stream = true) {
  AnswerReader reader(format, stream);
  reader.feed(bytes);
  return reader.finish();
}

std::string chunk(const std::string& delta, const std::string& finish = "null") {
  return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"llama","choices":)"
         R"([{"index":0,"delta":)" +
         delta + R"(,"finish_reason":)" + finish + "}]}\n\n";
}

const std::string kChatUsage =
    R"(data: {"id":"chatcmpl-1","model":"llama","choices":[],"usage":{"prompt_tokens":11,)"
    R"("completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}})"
    "\n\n";
const std::string kDone = "data: [DONE]\n\n";

std::string call_chunk(int index, const std::string& id, const std::string& name,
                       const std::string& arguments) {
  json::object call{{"index", index}};
  if (!id.empty()) call["id"] = id;
  json::object function{{"arguments", arguments}};
  if (!name.empty()) function["name"] = name;
  call["function"] = std::move(function);
  json::array calls;
  calls.push_back(std::move(call));
  return chunk(json::serialize(json::object{{"tool_calls", std::move(calls)}}));
}

std::string event(const std::string& type, const std::string& members) {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + members + "}\n\n";
}

const std::string kMessageStart =
    event("message_start",
          R"(,"message":{"id":"msg_1","model":"claude","content":[],"usage":{"input_tokens":3,)"
          R"("cache_read_input_tokens":8,"output_tokens":1}})");

std::string message_end(const std::string& reason) {
  return event("message_delta",
               R"(,"delta":{"stop_reason":")" + reason + R"("},"usage":{"output_tokens":5})") +
         event("message_stop", "");
}

std::string text_block_events(int index, const std::string& text) {
  const std::string at = ",\"index\":" + std::to_string(index);
  return event("content_block_start", at + R"(,"content_block":{"type":"text","text":""})") +
         event("content_block_delta",
               at + R"(,"delta":{"type":"text_delta","text":")" + text + R"("})") +
         event("content_block_stop", at);
}

TEST(ChatAnswerToMessages, TranslatesAStreamEventByEvent) {
  auto translator = translator_for(plan_for(kMessages));
  EXPECT_EQ(translator.feed(chunk(R"({"role":"assistant","content":""})")),
            "event: message_start\n"
            R"(data: {"type":"message_start","message":{"id":"chatcmpl-1","type":"message",)"
            R"("role":"assistant","model":"llama","content":[],"stop_reason":null,)"
            R"("stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,)"
            R"("cache_read_input_tokens":0,"output_tokens":0}}})"
            "\n\n");
  EXPECT_EQ(translator.feed(chunk(R"({"content":"Hel"})")),
            "event: content_block_start\n"
            R"(data: {"type":"content_block_start","index":0,)"
            R"("content_block":{"type":"text","text":""}})"
            "\n\nevent: content_block_delta\n"
            R"(data: {"type":"content_block_delta","index":0,)"
            R"("delta":{"type":"text_delta","text":"Hel"}})"
            "\n\n");
  EXPECT_EQ(translator.feed(chunk(R"({"content":"lo."})")),
            "event: content_block_delta\n"
            R"(data: {"type":"content_block_delta","index":0,)"
            R"("delta":{"type":"text_delta","text":"lo."}})"
            "\n\n");
  EXPECT_EQ(translator.feed(chunk("{}", "\"stop\"")),
            "event: content_block_stop\n"
            R"(data: {"type":"content_block_stop","index":0})"
            "\n\n");
  EXPECT_EQ(translator.feed(kChatUsage),
            "event: message_delta\n"
            R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn",)"
            R"("stop_sequence":null},"usage":{"input_tokens":7,"cache_creation_input_tokens":0,)"
            R"("cache_read_input_tokens":4,"output_tokens":5}})"
            "\n\nevent: message_stop\n"
            R"(data: {"type":"message_stop"})"
            "\n\n");
  EXPECT_EQ(translator.feed(kDone), "");
  EXPECT_EQ(translator.finish(), "");
  EXPECT_FALSE(translator.failed());
}

TEST(ChatAnswerToMessages, TranslatesCallsSideBySideHoweverTheirArgumentsAreCut) {
  const std::string arguments = R"({"path":"a\"b\\c.py","text":"é😀 \n","n":[1,2.5]})";
  for (std::size_t piece = 1; piece < arguments.size() + 1; ++piece) {
    std::string stream = chunk(R"({"role":"assistant","content":"Both."})");
    for (int call = 0; call < 2; ++call) {
      stream += call_chunk(call, "call_" + std::to_string(call), call == 0 ? "Write" : "Read", "");
      for (std::size_t at = 0; at < arguments.size();) {
        // A server never cuts within a character: its text is UTF-8 by the chunk.
        std::size_t end = std::min(at + piece, arguments.size());
        while (end < arguments.size() && (arguments[end] & 0xC0) == 0x80) ++end;
        stream += call_chunk(call, "", "", arguments.substr(at, end - at));
        at = end;
      }
    }
    stream += chunk("{}", "\"tool_calls\"") + kChatUsage + kDone;
    const std::string out = streamed(plan_for(kMessages), stream);
    ASSERT_EQ(fault_in_stream(kMessages, out), "") << piece;
    const Answer answer = read_back(kMessages, out);
    ASSERT_TRUE(answer.complete) << answer.error;
    EXPECT_EQ(answer.stop_reason, "tool_use");
    EXPECT_EQ(answer.prompt_tokens, 11);
    EXPECT_EQ(answer.completion_tokens, 5);
    EXPECT_EQ(canonical(answer.message), canonical(read_back(kChat, stream).message)) << piece;
  }
}

TEST(ChatAnswerToMessages, UnderstandsServersThatNumberTheirCallsBadly) {
  const auto ids = [](const std::string& stream) {
    const std::string out = streamed(plan_for(kMessages), stream);
    EXPECT_EQ(fault_in_stream(kMessages, out), "") << out;
    return read_back(kMessages, out).tool_call_ids;
  };
  const std::string end = chunk("{}", "\"stop\"") + kDone;
  // The same index for all, whole calls at once; no index at all; ids that Anthropic does not take.
  EXPECT_EQ(ids(call_chunk(0, "a", "f", "{}") + call_chunk(0, "b", "f", "{}") + end),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ids(chunk(R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},)"
                      R"({"id":"b","function":{"name":"g","arguments":{"x":1}}}]})") +
                end),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ids(call_chunk(0, "functions.f:0", "f", "{}") + end),
            (std::vector<std::string>{"functions_f_0"}));
  EXPECT_EQ(ids(call_chunk(0, "", "f", "{}") + call_chunk(1, "", "f", "{}") + end),
            (std::vector<std::string>{"req_1_0", "req_1_1"}));
}

TEST(ChatAnswerToMessages, SaysWhyTheAnswerEnded) {
  const auto reason = [](const std::string& end) {
    const std::string out =
        streamed(plan_for(kMessages), chunk(R"({"content":"x"})") + end + kDone);
    EXPECT_EQ(fault_in_stream(kMessages, out), "") << out;
    const auto answer = read_back(kMessages, out);
    return answer.error.empty() ? answer.stop_reason : answer.error;
  };
  EXPECT_EQ(reason(chunk("{}", "\"stop\"")), "end_turn");
  EXPECT_EQ(reason(chunk("{}", "\"length\"")), "max_tokens");
  EXPECT_EQ(reason(chunk("{}", "\"content_filter\"")), "refusal");
  EXPECT_EQ(reason(chunk(R"({"refusal":"No."})") + chunk("{}", "\"stop\"")), "refusal");
  EXPECT_EQ(reason(call_chunk(0, "a", "f", "{}") + chunk("{}", "\"stop\"")), "tool_use");
  EXPECT_EQ(reason(""), "end_turn") << "[DONE] is an end, too";
  EXPECT_EQ(reason(chunk("{}", "\"abort\"")), "api_error");
  const std::string stopped = streamed(
      plan_for(kMessages),
      R"(data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop","stop_reason":"END"}]})"
      "\n\n");
  EXPECT_NE(stopped.find(R"("stop_reason":"stop_sequence","stop_sequence":"END")"),
            std::string::npos);
}

TEST(ChatAnswerToMessages, ShowsThinkingToWhoAskedAndTellsOthersThatItGoesOn) {
  const std::string stream = chunk(R"({"reasoning_content":"Let me"})") +
                             chunk(R"({"reasoning":" see."})") + chunk(R"({"content":"42"})") +
                             chunk("{}", "\"stop\"") + kDone;
  AnswerPlan plan = plan_for(kMessages);
  const std::string quiet = streamed(plan, stream);
  EXPECT_EQ(fault_in_stream(kMessages, quiet), "");
  EXPECT_EQ(quiet.find("see"), std::string::npos);
  EXPECT_NE(quiet.find("event: ping"), std::string::npos);
  plan.wants_thinking = true;
  const std::string shown = streamed(plan, stream);
  EXPECT_EQ(fault_in_stream(kMessages, shown), "");
  EXPECT_EQ(canonical(read_back(kMessages, shown).message),
            R"({"content":[{"text":"Let me see.","type":"thinking"},{"text":"42","type":"text"}],)"
            R"("role":"assistant"})");
}

TEST(ChatAnswerToMessages, TranslatesAWholeAnswer) {
  AnswerPlan plan = plan_for(kMessages);
  const std::string body =
      R"({"id":"c-1","object":"chat.completion","model":"llama","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":"Hi.","tool_calls":[{"id":"a","type":"function",)"
      R"("function":{"name":"f","arguments":"{\"x\": 1}"}}]},"finish_reason":"tool_calls"}],)"
      R"("usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16}})";
  plan.streamed = false;
  const auto whole = translator_for(plan).whole(200, body);
  EXPECT_EQ(whole.status, 200);
  EXPECT_FALSE(whole.event_stream);
  EXPECT_EQ(whole.body,
            R"({"id":"c-1","type":"message","role":"assistant","model":"llama","content":[)"
            R"({"type":"text","text":"Hi."},{"type":"tool_use","id":"a","name":"f",)"
            R"("input":{"x":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":)"
            R"({"input_tokens":11,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
            R"("output_tokens":5}})");
  // To a client that asked for a stream.
  plan.streamed = true;
  const auto stream = translator_for(plan).whole(200, body);
  EXPECT_TRUE(stream.event_stream);
  EXPECT_EQ(fault_in_stream(kMessages, stream.body), "");
  const auto answer = read_back(kMessages, stream.body);
  EXPECT_EQ(answer.stop_reason, "tool_use");
  EXPECT_EQ(answer.prompt_tokens, 11);
  EXPECT_EQ(canonical(answer.message), canonical(read_back(kMessages, whole.body, false).message));
}

TEST(ChatAnswerToResponses, AnnouncesBringsAndRepeatsEachItem) {
  const std::string stream =
      chunk(R"({"role":"assistant","content":""})") + chunk(R"({"reasoning_content":"hm"})") +
      chunk(R"({"content":"Hel"})") + chunk(R"({"content":"lo."})") +
      call_chunk(0, "a", "f", "{\"x\":") + call_chunk(0, "", "", "1}") +
      call_chunk(1, "b", "n__g", "") + chunk("{}", "\"tool_calls\"") + kChatUsage + kDone;
  const std::string out = streamed(plan_for(kResponses), stream);
  EXPECT_EQ(fault_in_stream(kResponses, out), "") << out;
  std::string types;
  for (const auto& event : events_in(out)) types += event.event.substr(9) + " ";
  EXPECT_EQ(types,
            "created in_progress output_item.added content_part.added reasoning_text.delta "
            "reasoning_text.done content_part.done output_item.done output_item.added "
            "content_part.added output_text.delta output_text.delta output_text.done "
            "content_part.done output_item.done output_item.added function_call_arguments.delta "
            "function_call_arguments.delta function_call_arguments.done output_item.done "
            "output_item.added function_call_arguments.done output_item.done completed ");
  const auto answer = read_back(kResponses, out);
  EXPECT_TRUE(answer.complete) << answer.error;
  EXPECT_EQ(answer.response_id, "chatcmpl-1");
  EXPECT_EQ(answer.prompt_tokens, 11);
  EXPECT_EQ(answer.completion_tokens, 5);
  EXPECT_EQ(answer.tool_call_ids, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(canonical(answer.message),
            R"({"content":[{"text":"hm","type":"thinking"},{"text":"Hello.","type":"text"},)"
            R"({"arguments":{"x":1},"id":"a","name":"f","type":"tool_call"},)"
            R"({"arguments":{},"id":"b","name":"n.g","type":"tool_call"}],"role":"assistant"})");
}

TEST(ChatAnswerToResponses, SaysWhyTheAnswerEnded) {
  const auto end = [](const std::string& reason) {
    const std::string out =
        streamed(plan_for(kResponses), chunk(R"({"content":"x"})") + chunk("{}", reason) + kDone);
    EXPECT_EQ(fault_in_stream(kResponses, out), "") << out;
    const auto answer = read_back(kResponses, out);
    return answer.error.empty() ? answer.stop_reason : answer.error;
  };
  EXPECT_EQ(end("\"stop\""), "completed");
  EXPECT_EQ(end("\"length\""), "max_output_tokens");
  EXPECT_EQ(end("\"content_filter\""), "content_filter");
  EXPECT_EQ(end("\"abort\""), "server_error");
  const std::string cut = streamed(plan_for(kResponses), chunk(R"({"content":"x"})"));
  EXPECT_EQ(fault_in_stream(kResponses, cut), "") << cut;
  EXPECT_NE(cut.find("response.failed"), std::string::npos);
}

TEST(ChatAnswerToResponses, TranslatesAWholeAnswer) {
  AnswerPlan plan = plan_for(kResponses);
  plan.streamed = false;
  const std::string body =
      R"({"id":"c-1","model":"llama","choices":[{"message":{"content":"Hi."},"finish_reason":)"
      R"("stop"}],"usage":{"prompt_tokens":11,"completion_tokens":5}})";
  const auto whole = translator_for(plan).whole(200, body);
  EXPECT_EQ(
      whole.body,
      R"({"id":"c-1","object":"response","created_at":17,"status":"completed","error":null,)"
      R"("incomplete_details":null,"model":"llama","output":[{"type":"message",)"
      R"("id":"msg_c-1_0","status":"completed","role":"assistant","content":[)"
      R"({"type":"output_text","text":"Hi.","annotations":[]}]}],"parallel_tool_calls":true,)"
      R"("tool_choice":"auto","tools":[],"usage":{"input_tokens":11,"input_tokens_details":)"
      R"({"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},)"
      R"("total_tokens":16}})");
  plan.streamed = true;
  const auto stream = translator_for(plan).whole(200, body);
  EXPECT_EQ(fault_in_stream(kResponses, stream.body), "") << stream.body;
}

TEST(MessagesAnswerToChat, TranslatesAStreamEventByEvent) {
  auto translator = translator_for(plan_for(kChat));
  const std::string head =
      R"(data: {"id":"msg_1","object":"chat.completion.chunk","created":17,"model":"claude",)"
      R"("choices":[)";
  const auto expected = [&](const std::string& delta, const std::string& finish = "null") {
    return head + R"({"index":0,"delta":)" + delta + R"(,"logprobs":null,"finish_reason":)" +
           finish + "}],\"usage\":null}\n\n";
  };
  EXPECT_EQ(translator.feed(kMessageStart), expected(R"({"role":"assistant","content":""})"));
  EXPECT_EQ(translator.feed(event("ping", "")), ": ping\n\n");
  EXPECT_EQ(translator.feed(text_block_events(0, "Hello.")), expected(R"({"content":"Hello."})"));
  EXPECT_EQ(translator.feed(event("x_unknown_event", ",\"foo\":1")), "");
  EXPECT_EQ(translator.feed(event("content_block_start",
                                  R"(,"index":1,"content_block":{"type":"tool_use","id":"t",)"
                                  R"("name":"f","input":{}})")),
            expected(R"({"tool_calls":[{"id":"t","type":"function","function":{"name":"f",)"
                     R"("arguments":""},"index":0}]})"));
  EXPECT_EQ(translator.feed(event("content_block_delta",
                                  R"(,"index":1,"delta":{"type":"input_json_delta",)"
                                  R"("partial_json":"{\"a\""})")),
            expected(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})"));
  EXPECT_EQ(translator.feed(event("content_block_stop", R"(,"index":1)")), "");
  EXPECT_EQ(translator.feed(message_end("tool_use")),
            expected("{}", "\"tool_calls\"") + head +
                R"(],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16,)"
                R"("prompt_tokens_details":{"cached_tokens":8}}})"
                "\n\ndata: [DONE]\n\n");
  EXPECT_EQ(translator.finish(), "");
}

TEST(MessagesAnswerToChat, SendsUsageOnlyToWhoAsked) {
  AnswerPlan plan = plan_for(kChat);
  plan.include_usage = false;
  const std::string out =
      streamed(plan, kMessageStart + text_block_events(0, "x") + message_end("end_turn"));
  EXPECT_EQ(fault_in_stream(kChat, out), "");
  EXPECT_EQ(out.find("usage"), std::string::npos);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(MessagesAnswerToChat, GivesACallWithoutArgumentsAnEmptyObject) {
  const std::string start = R"(,"index":0,"content_block":{"type":"tool_use","id":"t","name":"f",)";
  for (const std::string input : {R"("input":{}})", R"("input":{"x":1}})"}) {
    const std::string out =
        streamed(plan_for(kChat), kMessageStart + event("content_block_start", start + input) +
                                      event("content_block_stop", R"(,"index":0)") +
                                      message_end("tool_use"));
    EXPECT_EQ(fault_in_stream(kChat, out), "");
    const bool empty = input == R"("input":{}})";
    EXPECT_NE(out.find(empty ? R"("arguments":"{}")" : R"("arguments":"{\"x\":1}")"),
              std::string::npos)
        << out;
  }
}

TEST(MessagesAnswerToChat, SaysWhyTheAnswerEnded) {
  const auto reason = [](const std::string& stop) {
    const std::string out = streamed(plan_for(kChat), kMessageStart + message_end(stop));
    EXPECT_EQ(fault_in_stream(kChat, out), "") << out;
    const auto answer = read_back(kChat, out);
    return answer.error.empty() ? answer.stop_reason : answer.error;
  };
  EXPECT_EQ(reason("end_turn"), "stop");
  EXPECT_EQ(reason("stop_sequence"), "stop");
  EXPECT_EQ(reason("max_tokens"), "length");
  EXPECT_EQ(reason("model_context_window_exceeded"), "length");
  EXPECT_EQ(reason("tool_use"), "tool_calls");
  EXPECT_EQ(reason("refusal"), "content_filter");
  EXPECT_EQ(reason("pause_turn"), "server_error");
}

TEST(MessagesAnswerToChat, TranslatesAWholeAnswer) {
  AnswerPlan plan = plan_for(kChat);
  plan.streamed = false;
  const std::string body =
      R"({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[)"
      R"({"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hi."},)"
      R"({"type":"tool_use","id":"t","name":"f","input":{"x":0.5}}],"stop_reason":"tool_use",)"
      R"("usage":{"input_tokens":3,"cache_read_input_tokens":8,"output_tokens":5}})";
  const auto whole = translator_for(plan).whole(200, body);
  EXPECT_EQ(whole.body,
            R"({"id":"msg_1","object":"chat.completion","created":17,"model":"claude","choices":[)"
            R"({"index":0,"message":{"role":"assistant","content":"Hi.","reasoning_content":"hm",)"
            R"("tool_calls":[{"id":"t","type":"function","function":{"name":"f",)"
            R"("arguments":"{\"x\":0.5}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],)"
            R"("usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16,)"
            R"("prompt_tokens_details":{"cached_tokens":8}}})");
  plan.streamed = true;
  const auto stream = translator_for(plan).whole(200, body);
  EXPECT_TRUE(stream.event_stream);
  EXPECT_EQ(fault_in_stream(kChat, stream.body), "") << stream.body;
  EXPECT_EQ(canonical(read_back(kChat, stream.body).message),
            canonical(read_back(kChat, whole.body, false).message));
}

TEST(Translation, GivesErrorsInTheClientsFormatWithTheirStatus) {
  const auto answer = [](Format client, int status, const std::string& body) {
    const auto whole = translator_for(plan_for(client)).whole(status, body);
    EXPECT_FALSE(whole.event_stream);
    return std::to_string(whole.status) + " " + whole.body;
  };
  EXPECT_EQ(answer(kMessages, 429,
                   R"({"error":{"message":"Slow down","type":"tokens","code":"rate_limit"}})"),
            R"(429 {"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}})");
  EXPECT_EQ(
      answer(kChat, 529,
             R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"),
      R"(529 {"error":{"message":"Overloaded","type":"server_error","param":null,)"
      R"("code":null}})");
  // vLLM as it was, FastAPI, llama.cpp behind a proxy.
  EXPECT_NE(answer(kMessages, 400, R"({"object":"error","message":"bad n","code":400})")
                .find("\"message\":\"bad n\""),
            std::string::npos);
  EXPECT_NE(answer(kMessages, 422, R"({"detail":"no such"})").find("no such"), std::string::npos);
  EXPECT_NE(answer(kMessages, 503, "<html>busy</html>").find("status 503"), std::string::npos);
  EXPECT_EQ(answer(kMessages, 503, "<html>").substr(0, 4), "503 ");
  EXPECT_EQ(answer(kMessages, 200, "<html>").substr(0, 4), "502 ");
  EXPECT_EQ(answer(kChat, 200, R"({"content":7})").substr(0, 4), "502 ");
  EXPECT_EQ(answer(kMessages, 200, R"({"error":"out of memory"})").substr(0, 4), "502 ");
}

TEST(Translation, SaysThatAPromptIsTooLongAsTheClientsProviderDoes) {
  const auto whole = [](Format client, const std::string& body) {
    return translator_for(plan_for(client)).whole(400, body).body;
  };
  EXPECT_NE(whole(kMessages, R"({"error":{"message":"the prompt has 9 tokens","code":)"
                             R"("context_length_exceeded"}})")
                .find("prompt is too long: the prompt has 9 tokens"),
            std::string::npos);
  EXPECT_NE(whole(kChat, R"({"type":"error","error":{"type":"invalid_request_error",)"
                         R"("message":"prompt is too long: 9 tokens > 8 maximum"}})")
                .find(R"("code":"context_length_exceeded")"),
            std::string::npos);
}

TEST(Translation, PassesAnErrorInTheMiddleOfAStreamOn) {
  const std::string chat = streamed(
      plan_for(kChat),
      kMessageStart + event("error", R"(,"error":{"type":"overloaded_error","message":"busy"})") +
          message_end("end_turn"));
  EXPECT_EQ(fault_in_stream(kChat, chat), "") << chat;
  EXPECT_TRUE(chat.ends_with(
      R"(data: {"error":{"message":"busy","type":"server_error","param":null,"code":null}})"
      "\n\n"))
      << chat;
  const std::string messages =
      streamed(plan_for(kMessages), chunk(R"({"content":"x"})") +
                                        R"(data: {"error":{"message":"busy","type":)"
                                        R"("overloaded_error"}})"
                                        "\n\n" +
                                        kDone);
  EXPECT_EQ(fault_in_stream(kMessages, messages), "") << messages;
  EXPECT_TRUE(messages.ends_with(
      "event: error\n"
      R"(data: {"type":"error","error":{"type":"overloaded_error","message":"busy"}})"
      "\n\n"))
      << messages;
}

TEST(Translation, TellsTheClientOfEveryStreamThatDidNotEndWell) {
  const std::string open = chunk(R"({"content":"x"})");
  const std::vector<std::string> chats = {
      "",
      ": only a comment\n\n",
      open,
      open + "data: {\"choices\":",
      open + "data: garbage\n\n" + kDone,
      open + "data: [1]\n\n",
      call_chunk(0, "a", "", "{}") + kDone,
      call_chunk(0, "a", "f", "{") + call_chunk(1, "b", "g", "{") + call_chunk(0, "", "", "}"),
      kDone,
  };
  for (const auto& stream : chats) {
    const std::string out = streamed(plan_for(kMessages), stream);
    EXPECT_EQ(fault_in_stream(kMessages, out), "") << stream << " gives " << out;
    EXPECT_EQ(read_back(kMessages, out).error, "api_error") << stream;
    const std::string responses = streamed(plan_for(kResponses), stream);
    EXPECT_EQ(fault_in_stream(kResponses, responses), "") << stream << " gives " << responses;
    EXPECT_EQ(read_back(kResponses, responses).error, "server_error") << stream;
  }
  const std::vector<std::string> messages = {
      "",
      kMessageStart,
      kMessageStart + "data: {\"type\":",
      kMessageStart + "data: garbage\n\n",
      kMessageStart + event("message_stop", ""),
      kMessageStart +
          event("content_block_start", R"(,"index":0,"content_block":{"type":"server_tool_use"})"),
      kMessageStart +
          event("content_block_delta", R"(,"index":5,"delta":{"type":"text_delta","text":"x"})"),
  };
  for (const auto& stream : messages) {
    const std::string out = streamed(plan_for(kChat), stream);
    EXPECT_EQ(fault_in_stream(kChat, out), "") << stream << " gives " << out;
    EXPECT_EQ(read_back(kChat, out).error, "server_error") << stream;
  }
}

TEST(Translation, LetsTheClientKnowThatTheUpstreamIsAtWork) {
  auto translator = translator_for(plan_for(kMessages));
  EXPECT_EQ(translator.feed(": processing"), "");
  EXPECT_EQ(translator.feed("\n\n"), ":\n\n");
  EXPECT_EQ(translator.feed(": processing\n\n"), ":\n\n");
  EXPECT_NE(translator.feed(chunk(R"({"content":"x"})")), "");
  EXPECT_NE(translator.feed(chunk("{}", "\"stop\"") + kDone), "");
  EXPECT_EQ(translator.feed(": bye\n\n"), "");
}

TEST(Translation, IsBoundedWhateverTheUpstreamSends) {
  auto translator = translator_for(plan_for(kMessages), 1000);
  std::string out = translator.feed(chunk(R"({"content":"x"})"));
  out += translator.feed("data: " + std::string(2000, 'x'));
  EXPECT_TRUE(translator.failed());
  out += translator.feed("\n\n" + kDone);
  out += translator.finish();
  EXPECT_EQ(fault_in_stream(kMessages, out), "") << out;
  EXPECT_NE(out.find("too large"), std::string::npos);
  std::string calls;
  for (int i = 0; i < 2000; ++i) calls += call_chunk(i, "c" + std::to_string(i), "f", "{}");
  EXPECT_NE(streamed(plan_for(kMessages), calls).find("too many tool calls"), std::string::npos);
}

TEST(Translation, DoesNotDependOnHowTheStreamIsCut) {
  const std::string chat = chunk(R"({"role":"assistant","content":"Gr"})") +
                           chunk(R"({"content":"üße 😀"})") + call_chunk(0, "a", "f", "{\"x\":") +
                           call_chunk(0, "", "", "1}") + chunk("{}", "\"tool_calls\"") +
                           kChatUsage + kDone;
  const std::string messages = kMessageStart + text_block_events(0, "Grüße 😀") +
                               event("ping", "") + message_end("end_turn");
  Random random(7);
  for (const auto client : {kMessages, kChat, kResponses}) {
    const std::string& stream = client == kChat ? messages : chat;
    const AnswerPlan plan = plan_for(client);
    const std::string whole = streamed(plan, stream);
    EXPECT_EQ(fault_in_stream(client, whole), "");
    for (std::size_t piece = 1; piece < 40; ++piece) {
      EXPECT_EQ(streamed(plan, stream, piece), whole) << piece;
    }
    // Damaged anywhere it still ends as a stream must.
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = stream;
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      const std::string out = streamed(plan, damaged.substr(0, random.below(damaged.size() + 1)));
      ASSERT_EQ(fault_in_stream(client, out), "") << damaged << " gives " << out;
    }
  }
}

}  // namespace
}  // namespace hone::wire
