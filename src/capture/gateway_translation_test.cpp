// Calls whose upstream speaks another format than their client: over real sockets, streamed and
// not, recorded as the client saw them.
#include <filesystem>

#include "capture/gateway_test_support.h"
#include "net/encode_test_support.h"
#include "wire/translate_test_support.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

const std::string kMessagesCall =
    R"({"model":"assistant","max_tokens":64,"stream":true,"system":"Be brief.","metadata":)"
    R"({"user_id":"u"},"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f",)"
    R"("input_schema":{"type":"object"}}]})";
const std::string kChatCall =
    R"({"model":"assistant","stream":true,"stream_options":{"include_usage":true},)"
    R"("messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]})";

const std::vector<std::string> kChatStream = {
    R"(data: {"id":"c_1","model":"llama","choices":[{"index":0,"delta":{"role":"assistant",)"
    R"("content":""},"finish_reason":null}]})"
    "\n\n",
    R"(data: {"id":"c_1","model":"llama","choices":[{"index":0,"delta":{"content":"Hello."},)"
    R"("finish_reason":null}]})"
    "\n\n",
    R"(data: {"id":"c_1","model":"llama","choices":[{"index":0,"delta":{"tool_calls":[)"
    R"({"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
    R"("finish_reason":null}]})"
    "\n\n",
    R"(data: {"id":"c_1","model":"llama","choices":[{"index":0,"delta":{},)"
    R"("finish_reason":"tool_calls"}]})"
    "\n\n",
    R"(data: {"id":"c_1","model":"llama","choices":[],"usage":{"prompt_tokens":11,)"
    R"("completion_tokens":5}})"
    "\n\n",
    "data: [DONE]\n\n"};

const std::vector<std::string> kMessagesStream = {
    R"(data: {"type":"message_start","message":{"id":"m_1","model":"claude","usage":)"
    R"({"input_tokens":11,"output_tokens":1}}})"
    "\n\n",
    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text",)"
    R"("text":"Hel"}})"
    "\n\n",
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",)"
    R"("text":"lo."}})"
    "\n\n",
    R"(data: {"type":"content_block_stop","index":0})"
    "\n\ndata: "
    R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}})"
    "\n\n",
    R"(data: {"type":"message_stop"})"
    "\n\n"};

const std::string kChatAnswer =
    R"({"id":"c_1","model":"llama","choices":[{"index":0,"message":{"role":"assistant",)"
    R"("content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,)"
    R"("completion_tokens":5}})";
const std::string kMessagesAnswer =
    R"({"id":"m_1","type":"message","model":"claude","content":[{"type":"text","text":"Hello."}],)"
    R"("stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":5}})";

class GatewayTranslationTest : public GatewayTest {
 protected:
  void start_upstream(wire::Format format) {
    upstream.wires = {format};
    upstream.api_key = "sk-upstream";
    start();
  }
  void answer_with_stream(const std::vector<std::string>& chunks) {
    stub.wait_idle();
    stub.mode = Mode::kStream;
    stub.headers = {{"content-type", "text/event-stream"}};
    stub.chunks = chunks;
  }
  std::string handle(const store::Interaction& interaction, const std::string& kind) {
    for (const auto& known : interaction.handles) {
      if (known.kind == kind) return known.value;
    }
    return "";
  }
  void expect_recorded(const std::string& wire, const std::string& response) {
    const auto interaction = interactions(1)[0];
    EXPECT_EQ(interaction.wire, wire);
    EXPECT_EQ(interaction.error, "");
    EXPECT_EQ(interaction.content, "stored");
    EXPECT_EQ(interaction.upstream, "stub");
    EXPECT_EQ(interaction.model, "digest-1");
    EXPECT_EQ(interaction.prompt_tokens, 11);
    EXPECT_EQ(interaction.completion_tokens, 5);
    EXPECT_NE(interaction.output_node, "");
    EXPECT_EQ(handle(interaction, "response"), response);
  }
};

std::string body_of(const std::string& raw) {
  std::string body;
  std::string_view rest = std::string_view(raw).substr(raw.find("\r\n\r\n") + 4);
  while (!rest.empty()) {  // chunks: a length, the bytes
    const auto size = std::stoul(std::string(rest), nullptr, 16);
    rest.remove_prefix(rest.find("\r\n") + 2);
    body += rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size + 2));
  }
  return body;
}

TEST_F(GatewayTranslationTest, StreamsAChatUpstreamsAnswerToAMessagesClientPieceByPiece) {
  start_upstream(wire::Format::kOpenAIChat);
  answer_with_stream(kChatStream);
  stub.allowed = 1;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages?beta=true", kMessagesCall));
  // What the client must have before the stub makes the next piece.
  for (const auto* piece : {"event: message_start\n", "\"text\":\"Hello.\"",
                            "\"partial_json\":\"{}\"", "\"index\":1}\n\n", "event: message_stop"}) {
    EXPECT_NE(socket.read_until(piece).find(piece), std::string::npos);
    ++stub.allowed;
  }
  const std::string got = socket.read_until("\r\n0\r\n\r\n");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 ")) << got;
  EXPECT_NE(got.find("content-type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(got.find("request-id: req_"), std::string::npos);
  EXPECT_EQ(wire::fault_in_stream(wire::Format::kAnthropicMessages, body_of(got)), "");

  const auto reached = stub.last();
  EXPECT_EQ(reached.target, "/v1/chat/completions");
  EXPECT_EQ(reached.headers.get("authorization"), "Bearer sk-upstream");
  EXPECT_FALSE(reached.headers.has("x-api-key"));
  EXPECT_EQ(reached.headers.get("accept-encoding"), "identity");
  const auto body = parse_json_object(reached.body).value();
  EXPECT_EQ(body.at("model"), "sha-1");
  EXPECT_EQ(body.at("messages").as_array()[0].at("role"), "system");
  EXPECT_EQ(body.at("stream_options").at("include_usage"), true);

  expect_recorded("anthropic-messages", "c_1");
  const auto interaction = interactions(1)[0];
  EXPECT_TRUE(interaction.streamed);
  EXPECT_EQ(interaction.stop_reason, "tool_use");
  EXPECT_EQ(handle(interaction, "tool_call"), "call_1");
}

TEST_F(GatewayTranslationTest, StreamsAMessagesUpstreamsAnswerToAChatClientPieceByPiece) {
  start_upstream(wire::Format::kAnthropicMessages);
  answer_with_stream(kMessagesStream);
  stub.headers.add("request-id", "req_up");
  stub.allowed = 1;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/chat/completions", kChatCall));
  for (const auto* piece : {"\"role\":\"assistant\"", "\"content\":\"Hel\"", "\"content\":\"lo.\"",
                            "\"finish_reason\":\"stop\"", "data: [DONE]"}) {
    EXPECT_NE(socket.read_until(piece).find(piece), std::string::npos);
    ++stub.allowed;
  }
  const std::string got = socket.read_until("\r\n0\r\n\r\n");
  EXPECT_NE(got.find("x-request-id: req_up\r\n"), std::string::npos) << got;
  EXPECT_EQ(wire::fault_in_stream(wire::Format::kOpenAIChat, body_of(got)), "");

  const auto reached = stub.last();
  EXPECT_EQ(reached.target, "/v1/messages");
  EXPECT_EQ(reached.headers.get("x-api-key"), "sk-upstream");
  EXPECT_EQ(reached.headers.get("anthropic-version"), "2023-06-01");
  const auto body = parse_json_object(reached.body).value();
  EXPECT_EQ(body.at("system").as_array()[0].at("text"), "Be brief.");
  expect_recorded("openai-chat", "m_1");
  EXPECT_TRUE(interactions(1)[0].streamed);
}

TEST_F(GatewayTranslationTest, StreamsAChatUpstreamsAnswerToAResponsesClientPieceByPiece) {
  start_upstream(wire::Format::kOpenAIChat);
  answer_with_stream(kChatStream);
  stub.allowed = 1;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/responses", R"({"model":"assistant","stream":true,"input":"hi"})"));
  for (const auto* piece : {"event: response.created\n", "\"delta\":\"Hello.\"", "\"delta\":\"{}\"",
                            "\"call_id\":\"call_1\"", "event: response.completed\n"}) {
    EXPECT_NE(socket.read_until(piece).find(piece), std::string::npos);
    ++stub.allowed;
  }
  const std::string got = socket.read_until("\r\n0\r\n\r\n");
  EXPECT_EQ(wire::fault_in_stream(wire::Format::kOpenAIResponses, body_of(got)), "");
  EXPECT_EQ(stub.last().target, "/v1/chat/completions");
  expect_recorded("openai-responses", "c_1");
  EXPECT_EQ(post("/v1/responses/compact", kMessagesCall).status, 404);
}

TEST_F(GatewayTranslationTest, AnswersWhatIsNotStreamedWithALength) {
  start_upstream(wire::Format::kOpenAIChat);
  stub.body = kChatAnswer;
  stub.headers = {{"content-type", "application/json; charset=utf-8"}, {"x-kept", "yes"}};
  std::string call = kMessagesCall;
  call.replace(call.find("\"stream\":true"), 13, "\"stream\":false");
  const auto answer = post("/v1/messages", call);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("content-type"), "application/json");
  EXPECT_EQ(answer.headers.get("content-length"), std::to_string(answer.body.size()));
  EXPECT_EQ(answer.headers.get("x-kept"), "yes");
  const auto message = parse_json_object(answer.body).value();
  EXPECT_EQ(message.at("type"), "message");
  EXPECT_EQ(message.at("content").as_array()[0].at("text"), "Hello.");
  EXPECT_FALSE(parse_json_object(stub.last().body).value().contains("stream"));
  expect_recorded("anthropic-messages", "c_1");
  EXPECT_FALSE(interactions(1)[0].streamed);
}

TEST_F(GatewayTranslationTest, AnswersAChatClientFromAMessagesUpstreamToo) {
  start_upstream(wire::Format::kAnthropicMessages);
  stub.body = kMessagesAnswer;
  const auto answer = post("/v1/chat/completions",
                           R"({"model":"assistant","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(answer.status, 200);
  const auto completion = parse_json_object(answer.body).value();
  EXPECT_EQ(completion.at("choices").as_array()[0].at("message").at("content"), "Hello.");
  EXPECT_EQ(completion.at("usage").at("total_tokens"), 16);
  expect_recorded("openai-chat", "m_1");
}

TEST_F(GatewayTranslationTest, StreamsWhatTheUpstreamGaveWhole) {
  start_upstream(wire::Format::kOpenAIChat);
  stub.body = kChatAnswer;
  const auto answer = post("/v1/messages", kMessagesCall);
  EXPECT_EQ(answer.headers.get("content-type"), "text/event-stream");
  EXPECT_EQ(wire::fault_in_stream(wire::Format::kAnthropicMessages, answer.body), "");
  expect_recorded("anthropic-messages", "c_1");
}

TEST_F(GatewayTranslationTest, ReadsCodingsOnBothSides) {
  start_upstream(wire::Format::kOpenAIChat);
  stub.body = net::encode("gzip", kChatAnswer);  // not asked for, and sent all the same
  stub.headers = {{"content-encoding", "gzip"}};
  auto sent = request("POST", "/v1/messages", net::encode("gzip", kMessagesCall));
  sent.headers.add("content-encoding", "gzip");
  sent.headers.add("accept-encoding", "gzip");
  const auto answer = fetch(sent);
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.headers.has("content-encoding"));
  EXPECT_NE(answer.body.find("Hello."), std::string::npos);
  EXPECT_FALSE(stub.last().headers.has("content-encoding"));
  expect_recorded("anthropic-messages", "c_1");
}

TEST_F(GatewayTranslationTest, SendsNoHeaderOfTheOtherProtocolAndTheCallersOwnKeyInItsForm) {
  open = true;
  upstream.wires = {wire::Format::kOpenAIChat};
  start();
  stub.body = kChatAnswer;
  stub.headers = {{"openai-processing-ms", "5"}};
  auto sent = request("POST", "/v1/messages", kMessagesCall);
  sent.headers.set("x-api-key", "sk-of-the-callers");
  sent.headers.add("anthropic-version", "2023-06-01");
  sent.headers.add("Anthropic-Beta", "one,two");
  sent.headers.add("X-Stainless-Lang", "js");
  sent.headers.add("x-claude-code-session-id", "s-1");
  EXPECT_FALSE(fetch(sent).headers.has("openai-processing-ms"));
  std::string names;
  for (const auto& field : stub.last().headers) names += field.name + ": " + field.value + "\n";
  EXPECT_EQ(names,
            "Host: " + upstream.url.authority() +
                "\nx-claude-code-session-id: s-1\nAuthorization: Bearer sk-of-the-callers\n"
                "content-type: application/json\naccept-encoding: identity\nContent-Length: " +
                std::to_string(stub.last().body.size()) + "\n");
}

TEST_F(GatewayTranslationTest, GivesAnUpstreamsErrorItsStatusAndTheClientsShape) {
  start_upstream(wire::Format::kOpenAIChat);
  stub.status = 429;
  stub.headers = {{"retry-after", "7"}};
  stub.body = R"({"error":{"message":"Slow down.","type":"requests","code":"rate_limit"}})";
  const auto answer = post("/v1/messages", kMessagesCall);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.get("retry-after"), "7");
  EXPECT_EQ(answer.headers.get("content-type"), "application/json");
  EXPECT_EQ(answer.body,
            R"({"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}})");
  EXPECT_EQ(interactions(1)[0].status, 429);
  EXPECT_EQ(interactions(1)[0].error, "rate_limit_error");
  stub.status = 200;
  stub.body = "<html>";
  EXPECT_EQ(post("/v1/messages", kMessagesCall).status, 502);
  stub.stop();
  const auto gone = post("/v1/messages", kMessagesCall);
  EXPECT_EQ(gone.status, 502);
  EXPECT_EQ(parse_json_object(gone.body).value().at("type"), "error");
}

TEST_F(GatewayTranslationTest, RefusesByNameWhatCannotBeTranslated) {
  start_upstream(wire::Format::kOpenAIChat);
  std::string call = kMessagesCall;
  call.replace(call.find("\"stream\""), 8, "\"top_k\":5,\"stream\"");
  const auto answer = post("/v1/messages", call);
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("'top_k'"), std::string::npos);
  // To count with another model's tokenizer would be a guess.
  EXPECT_EQ(post("/v1/messages/count_tokens", kMessagesCall).status, 404);
  EXPECT_EQ(stub.seen, 0);
}

TEST_F(GatewayTranslationTest, ShowsTheClientThatTheUpstreamBrokeOff) {
  start_upstream(wire::Format::kOpenAIChat);
  answer_with_stream({kChatStream[0], kChatStream[1]});
  stub.mode = Mode::kCut;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages", kMessagesCall));
  const std::string got = socket.read_all();
  EXPECT_NE(got.find("Hello."), std::string::npos);
  EXPECT_FALSE(got.ends_with("0\r\n\r\n")) << "a cut answer must not look finished";
  EXPECT_EQ(interactions(1)[0].error, "upstream_cut");
  // A stream that only stops too early is an answer with an error at its end.
  answer_with_stream({kChatStream[0], kChatStream[1]});
  const auto answer = post("/v1/messages", kMessagesCall);
  EXPECT_EQ(wire::fault_in_stream(wire::Format::kAnthropicMessages, answer.body), "");
  EXPECT_NE(answer.body.find("event: error"), std::string::npos);
  EXPECT_EQ(interactions(2)[1].error, "api_error");
}

TEST_F(GatewayTranslationTest, EveryRecordedCallOfClaudeCodeIsAnsweredAndRecorded) {
  const auto folder = hone::testing::shared_path("recordings");
  if (!folder) GTEST_SKIP();
  upstream.wires = {wire::Format::kOpenAIChat};
  open = true;
  start();
  answer_with_stream(kChatStream);
  const Route route = router.routes["assistant"];
  std::size_t calls = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (!entry.path().filename().string().starts_with("claude-code__")) continue;
    const auto file = parse_json(hone::testing::read_all(entry.path()));
    ASSERT_TRUE(file) << entry.path();
    for (const auto& value : file->at("requests").as_array()) {
      const auto& recorded = value.as_object();
      if (!string_or_empty(recorded, "path").starts_with("/v1/messages?")) continue;
      const auto& body = recorded.at("body").as_object();
      router.routes[std::string(string_or_empty(body, "model"))] = route;
      auto sent =
          request("POST", std::string(string_or_empty(recorded, "path")), json::serialize(body));
      for (const auto& field : recorded.at("headers").as_object()) {
        const std::string name = field.key();
        if (name == "host" || name == "connection" || name == "content-length") continue;
        sent.headers.set(name, std::string(field.value().as_string()));
      }
      const auto answer = fetch(sent);
      ASSERT_EQ(answer.status, 200) << entry.path() << ": " << answer.body;
      EXPECT_EQ(wire::fault_in_stream(wire::Format::kAnthropicMessages, answer.body), "");
      ++calls;
    }
  }
  EXPECT_GE(calls, 30U);
  for (const auto& interaction : interactions(calls)) {
    EXPECT_EQ(interaction.content, "stored");
    EXPECT_EQ(interaction.error, "");
    EXPECT_EQ(interaction.tool, "claude-code");
    EXPECT_EQ(interaction.stop_reason, "tool_use");
    EXPECT_NE(handle(interaction, "session"), "");
  }
}

}  // namespace
}  // namespace hone::capture
