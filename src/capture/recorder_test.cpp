// What is written down of the traffic.
#include "capture/recorder.h"

#include "capture/gateway_test_support.h"
#include "net/encode_test_support.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

std::string sse(const std::string& event, const std::string& data) {
  return "event: " + event + "\ndata: " + data + "\n\n";
}

// A Messages stream that says "Hello" and asks for a tool.
std::vector<std::string> messages_stream() {
  return {
      sse("message_start",
          R"({"type":"message_start","message":{"id":"msg_1","role":"assistant",)"
          R"("model":"m","content":[],"usage":{"input_tokens":11,"output_tokens":1}}})"),
      sse("content_block_start",
          R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"),
      sse("content_block_delta",
          R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})"),
      sse("content_block_stop", R"({"type":"content_block_stop","index":0})"),
      sse("content_block_start", R"({"type":"content_block_start","index":1,"content_block":)"
                                 R"({"type":"tool_use","id":"toolu_1","name":"w","input":{}}})"),
      sse("content_block_delta", R"({"type":"content_block_delta","index":1,"delta":)"
                                 R"({"type":"input_json_delta","partial_json":"{\"a\":1}"}})"),
      sse("content_block_stop", R"({"type":"content_block_stop","index":1})"),
      sse("message_delta", R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},)"
                           R"("usage":{"output_tokens":7}})"),
      sse("message_stop", R"({"type":"message_stop"})")};
}

const std::string kAsk =
    R"({"model":"assistant","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]})";

std::string chat_answer(const std::string& text) {
  const json::object message = {{"role", "assistant"}, {"content", text}};
  const json::array choices = {{{"index", 0}, {"message", message}, {"finish_reason", "stop"}}};
  return json::serialize(json::object{{"id", "chatcmpl-1"},
                                      {"object", "chat.completion"},
                                      {"model", "m"},
                                      {"choices", choices},
                                      {"usage", {{"prompt_tokens", 3}, {"completion_tokens", 2}}}});
}

class RecorderTest : public GatewayTest {
 protected:
  void stream_messages() {
    stub.mode = Mode::kStream;
    stub.headers = {{"content-type", "text/event-stream"}, {"request-id", "req_up"}};
    stub.chunks = messages_stream();
  }
  // Everything that went into the outbox, uncompressed.
  std::string written() {
    std::string all;
    for (const auto& record : records()) all += record.payload + "\n";
    return all;
  }
};

std::string handle_of(const store::Interaction& interaction, const std::string& kind) {
  for (const auto& handle : interaction.handles) {
    if (handle.kind == kind) return handle.value;
  }
  return "";
}

TEST_F(RecorderTest, RecordsWhoWhatAndWhen) {
  start();
  stream_messages();
  auto sent = request("POST", "/v1/messages?beta=true", kAsk);
  sent.headers.add("user-agent", "claude-cli/2.1.330 (external, cli)");
  sent.headers.add("x-claude-code-session-id", "session-1");
  sent.headers.add("x-hone-purpose", "demo");
  const auto answer = fetch(sent);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.id, answer.headers.get("x-hone-interaction-id"));
  EXPECT_EQ(interaction.person, person);
  EXPECT_FALSE(interaction.team.empty());
  EXPECT_EQ(interaction.tool, "claude-code");
  EXPECT_EQ(interaction.wire, "anthropic-messages");
  EXPECT_EQ(interaction.alias, "assistant");
  EXPECT_EQ(interaction.arm, "canary");
  EXPECT_EQ(interaction.release, "rel_1");
  EXPECT_EQ(interaction.propensity, 0.5);
  EXPECT_EQ(interaction.model, "digest-1");
  EXPECT_EQ(interaction.upstream, "stub");
  EXPECT_TRUE(interaction.trainable);
  EXPECT_EQ(interaction.purpose, "demo");
  EXPECT_EQ(interaction.status, 200);
  EXPECT_TRUE(interaction.streamed);
  EXPECT_EQ(interaction.error, "");
  EXPECT_EQ(interaction.stop_reason, "tool_use");
  EXPECT_EQ(interaction.prompt_tokens, 11);
  EXPECT_EQ(interaction.completion_tokens, 7);
  EXPECT_EQ(interaction.params.at("max_tokens"), 9);
  EXPECT_EQ(interaction.content, "stored");
  EXPECT_EQ(handle_of(interaction, "id"), interaction.id);
  EXPECT_EQ(handle_of(interaction, "response"), "msg_1");
  EXPECT_EQ(handle_of(interaction, "tool_call"), "toolu_1");
  EXPECT_EQ(handle_of(interaction, "request"), "req_up");
  EXPECT_EQ(handle_of(interaction, "session"), "session-1");
}

TEST_F(RecorderTest, RecordsACallInTheResponsesFormat) {
  start();
  stub.mode = Mode::kStream;
  stub.headers = {{"content-type", "text/event-stream"}, {"x-request-id", "req_up"}};
  stub.chunks = {
      sse("response.output_item.done",
          R"({"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning",)"
          R"("summary":[{"type":"summary_text","text":"Plan."}]}})"),
      sse("response.output_item.done",
          R"({"type":"response.output_item.done","output_index":1,"item":{"type":"function_call",)"
          R"("call_id":"call_1","name":"exec","arguments":"{\"cmd\":\"ls\"}"}})"),
      sse("response.completed",
          R"({"type":"response.completed","response":{"id":"resp_1","status":"completed",)"
          R"("output":[],"usage":{"input_tokens":11,"output_tokens":7}}})")};
  auto sent =
      request("POST", "/v1/responses", R"({"model":"assistant","stream":true,"input":"hi"})");
  sent.headers.add("user-agent", "codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown");
  sent.headers.add("session-id", "session-1");
  fetch(sent);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.tool, "codex");
  EXPECT_EQ(interaction.wire, "openai-responses");
  EXPECT_EQ(interaction.content, "stored");
  EXPECT_EQ(interaction.error, "");
  EXPECT_EQ(interaction.stop_reason, "completed");
  EXPECT_EQ(interaction.prompt_tokens, 11);
  EXPECT_EQ(interaction.completion_tokens, 7);
  EXPECT_EQ(handle_of(interaction, "response"), "resp_1");
  EXPECT_EQ(handle_of(interaction, "tool_call"), "call_1");
  EXPECT_EQ(handle_of(interaction, "request"), "req_up");
  EXPECT_EQ(handle_of(interaction, "session"), "session-1");
  ASSERT_EQ(interaction.blocks.size(), 2U);
  EXPECT_NE(interaction.blocks[1].content.find("Plan."), std::string::npos);
  // Codex sends the answer back as items, and one more call begins where the first one ended.
  stub.chunks.clear();
  post(
      "/v1/responses",
      R"({"model":"assistant","input":[{"type":"message","role":"user","content":"hi"},)"
      R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Plan."}]},)"
      R"({"type":"function_call","call_id":"call_1","name":"exec","arguments":"{\"cmd\":\"ls\"}"},)"
      R"({"type":"function_call_output","call_id":"call_1","output":"a.txt"}]})");
  const auto second = interactions(2)[1];
  ASSERT_EQ(second.nodes.size(), 1U);
  EXPECT_EQ(second.nodes[0].parent, interaction.output_node);
}

TEST_F(RecorderTest, ACallIsAmongThoseUnderWayUntilItIsRecorded) {
  start();
  stub.mode = Mode::kHang;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages", kAsk));
  while (stub.seen == 0) std::this_thread::sleep_for(1ms);
  const auto under_way = [this] {
    // As the next process would see it.
    return store::InFlight::open(posix_files(), directory_folder->path("outbox/in-flight"))
        .value()
        ->left();
  };
  ASSERT_EQ(under_way().size(), 1U);
  EXPECT_EQ(under_way()[0].person, person);
  EXPECT_EQ(under_way()[0].alias, "assistant");
  EXPECT_EQ(under_way()[0].model, "digest-1");
  socket.close();
  EXPECT_EQ(interactions(1)[0].error, "client_gone");
  recorder->wait_idle();
  EXPECT_TRUE(under_way().empty());
}

TEST_F(RecorderTest, MakesOneChainOfAConversationAndWritesOnlyWhatIsNew) {
  start();
  stub.body = chat_answer("answer one");
  post("/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"one"}]})");
  const auto first = interactions(1)[0];
  ASSERT_EQ(first.nodes.size(), 2U);
  EXPECT_EQ(first.nodes[1].hash, first.output_node);
  EXPECT_EQ(first.nodes[1].parent, first.context_node);
  stub.body = chat_answer("answer two");
  // Clients send the answer back in another form.
  post("/v1/chat/completions",
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"one"}]},)"
       R"({"role":"assistant","content":"answer one"},{"role":"user","content":"two"}]})");
  const auto second = interactions(2)[1];
  ASSERT_EQ(second.nodes.size(), 2U) << "the question and its answer are new, the rest is known";
  EXPECT_EQ(second.nodes[0].parent, first.output_node);
  EXPECT_EQ(second.nodes[0].depth, 3);
  EXPECT_EQ(second.blocks.size(), 2U);
}

TEST_F(RecorderTest, LetsNothingPersonalIntoTheOutbox) {
  start();
  stub.body = chat_answer("Write to ana.lopez@example.org");
  post("/v1/chat/completions",
       R"({"model":"m","user":"ana.lopez@example.org","messages":[{"role":"user",)"
       R"("content":"I am ana.lopez@example.org, card 4111 1111 1111 1111"}]})");
  EXPECT_EQ(interactions(1)[0].content, "stored");
  const std::string bytes = written();
  EXPECT_EQ(bytes.find("ana.lopez"), std::string::npos);
  EXPECT_EQ(bytes.find("4111 1111"), std::string::npos);
  EXPECT_NE(bytes.find("<EMAIL:"), std::string::npos);
}

TEST_F(RecorderTest, KeepsNoContentWithoutConsent) {
  start();
  stub.body = chat_answer("a secret answer");
  auto sent =
      request("POST", "/v1/chat/completions",
              R"({"model":"m","messages":[{"role":"user","content":"a secret question"}]})");
  sent.headers.set("x-api-key", silent_key);
  fetch(sent);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.content, "no_consent");
  EXPECT_EQ(interaction.prompt_tokens, 3);
  EXPECT_TRUE(interaction.nodes.empty());
  EXPECT_EQ(interaction.context_node, "");
  EXPECT_EQ(written().find("secret"), std::string::npos);
  EXPECT_EQ(recorder->counters().no_consent, 1U);
}

TEST_F(RecorderTest, ATeamsPolicyKeepsTheContentOrTheCallOut) {
  capture_policy.teams["blue"] = people::CaptureLevel::kMetadata;
  start();
  stub.body = chat_answer("a quiet answer");
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"a quiet question"}]})";
  EXPECT_EQ(post("/v1/chat/completions", body).body, stub.body);
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.content, "policy");
  EXPECT_EQ(interaction.prompt_tokens, 3);
  EXPECT_TRUE(interaction.nodes.empty());
  EXPECT_EQ(written().find("quiet"), std::string::npos);
  EXPECT_EQ(recorder->counters().policy, 1U);
}

TEST_F(RecorderTest, OfATeamThatIsNotCapturedNothingIsWritten) {
  capture_policy.everyone = people::CaptureLevel::kNothing;
  start();
  stub.body = chat_answer("a quiet answer");
  const auto answer =
      post("/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(answer.body, stub.body);
  EXPECT_FALSE(answer.headers.has("x-hone-interaction-id"));
  EXPECT_TRUE(records().empty());
}

TEST_F(RecorderTest, FindsASecretThatCameInPieces) {
  start();
  stream_messages();
  const std::string token = std::string("ghp") + "_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5";
  stub.chunks[2].clear();
  for (std::size_t at = 0; at < token.size(); at += 7) {
    const json::object delta = {{"type", "text_delta"}, {"text", token.substr(at, 7)}};
    stub.chunks[2] += sse("content_block_delta",
                          json::serialize(json::object{
                              {"type", "content_block_delta"}, {"index", 0}, {"delta", delta}}));
  }
  const auto answer = post("/v1/messages", kAsk);
  EXPECT_NE(answer.body.find(token.substr(7, 7)), std::string::npos);
  EXPECT_EQ(interactions(1)[0].content, "stored");
  const std::string bytes = written();
  EXPECT_NE(bytes.find("<SECRET:"), std::string::npos);
  for (std::size_t at = 0; at < token.size(); at += 7) {
    EXPECT_EQ(bytes.find(token.substr(at, 7)), std::string::npos);
  }
}

TEST_F(RecorderTest, WithholdsWhatTakesTooLongToRedactAndKeepsTheInteraction) {
  privacy::RedactionPolicy hasty;
  hasty.timeout = std::chrono::milliseconds(0);
  const auto made = privacy::Redactor::create("tenant key", hasty).value();
  redacts = made.get();
  start();
  std::string words;
  while (words.size() < (1U << 20)) words += "token: 1234567 ";
  stub.body = chat_answer(words);
  post("/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"x"}]})");
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.content, "redaction_failed");
  EXPECT_EQ(interaction.status, 200);
  EXPECT_EQ(interaction.completion_tokens, 2);
  EXPECT_EQ(written().find("1234567"), std::string::npos);
  recorder->stop();
}

TEST_F(RecorderTest, KeepsThePartOfAnAnswerThatCameBeforeTheUpstreamDied) {
  start();
  stream_messages();
  stub.mode = Mode::kCut;
  stub.chunks.resize(3);
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages", kAsk));
  const std::string answer = socket.read_all();
  EXPECT_NE(answer.find("Hello"), std::string::npos);
  EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << "cut here as it was cut there";
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.error, "upstream_cut");
  EXPECT_EQ(interaction.status, 200);
  ASSERT_EQ(interaction.blocks.size(), 2U);
  EXPECT_NE(interaction.blocks[1].content.find("Hello"), std::string::npos);
  EXPECT_EQ(gateway->counters().upstream_cuts, 1U);
}

TEST_F(RecorderTest, CancelsTheUpstreamAndKeepsThePartWhereTheClientIsGone) {
  start();
  stream_messages();
  stub.allowed = 3;
  {
    net::TestSocket socket(server->port());
    socket.send(raw_post("/v1/messages", kAsk));
    socket.read_until("Hello");
  }
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.error, "client_gone");
  ASSERT_EQ(interaction.blocks.size(), 2U);
  EXPECT_NE(interaction.blocks[1].content.find("Hello"), std::string::npos);
  for (int i = 0; i < 1000 && stub.gone == 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(stub.gone, 1);
  EXPECT_EQ(gateway->counters().clients_gone, 1U);
}

TEST_F(RecorderTest, RecordsWithoutContentWhatItCannotRead) {
  start();
  stub.body = chat_answer("answer");
  post("/v1/chat/completions", R"({"model":"m","messages":"none"})");
  EXPECT_EQ(interactions(1)[0].content, "unreadable");
  EXPECT_EQ(interactions(1)[0].prompt_tokens, 3) << "what the answer tells of itself is kept";
  EXPECT_EQ(recorder->counters().unreadable, 1U);
  stub.headers = {{"content-encoding", "aes128gcm"}};
  stub.body = "\x01\x02 encoded";
  const auto answer = post("/v1/chat/completions", kAsk);
  EXPECT_EQ(answer.body, stub.body);
  EXPECT_EQ(answer.headers.get("content-encoding"), "aes128gcm");
  EXPECT_EQ(interactions(2)[1].content, "unreadable");
  EXPECT_EQ(recorder->counters().encoded, 1U);
  EXPECT_EQ(recorder->counters().unreadable, 1U);
}

TEST_F(RecorderTest, ReadsEncodedRequestsAndAnswersAndPassesThemAsTheyAre) {
  start();
  std::string plain;
  for (const auto& chunk : messages_stream()) plain += chunk;
  const std::string ask = R"({"model":"claude-x","stream":true,"messages":[]})";
  std::size_t calls = 0;
  for (const std::string coding : {"gzip", "deflate", "br", "zstd"}) {
    stub.mode = Mode::kAnswer;
    stub.headers = {{"content-type", "text/event-stream"}, {"Content-Encoding", coding}};
    stub.body = net::encode(coding, plain);
    auto sent = request("POST", "/v1/messages", net::encode(coding, ask));
    sent.headers.add("Content-Encoding", coding);
    const auto answer = fetch(sent);
    EXPECT_EQ(answer.body, stub.body) << coding;
    EXPECT_EQ(answer.headers.get("content-encoding"), coding);
    EXPECT_EQ(stub.last().body, sent.body) << coding;
    EXPECT_EQ(stub.last().headers.get("content-encoding"), coding);
    const auto interaction = interactions(++calls).back();
    EXPECT_EQ(interaction.content, "stored") << coding;
    EXPECT_EQ(interaction.alias, "claude-x");
    EXPECT_EQ(interaction.error, "");
    EXPECT_EQ(interaction.stop_reason, "tool_use");
    EXPECT_EQ(handle_of(interaction, "tool_call"), "toolu_1");
  }
}

TEST_F(RecorderTest, KeepsThePartOfAnEncodedStreamThatCameBeforeTheCut) {
  start();
  stream_messages();
  stub.mode = Mode::kCut;
  stub.headers.add("content-encoding", "gzip");
  stub.chunks.resize(3);
  const std::string whole = net::encode_flushed("gzip", stub.chunks);
  stub.chunks = {whole.substr(0, whole.size() - 10)};
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages", kAsk));
  socket.read_all();
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.error, "upstream_cut");
  ASSERT_EQ(interaction.blocks.size(), 2U);
  EXPECT_NE(interaction.blocks[1].content.find("Hello"), std::string::npos);
}

TEST_F(RecorderTest, PutsTheModelOfAnAliasIntoAnEncodedRequest) {
  start();
  stub.body = chat_answer("answer");
  auto sent = request("POST", "/v1/chat/completions", net::encode("zstd", kAsk));
  sent.headers.add("content-encoding", "zstd");
  sent.headers.add("x-custom", "kept");
  EXPECT_EQ(fetch(sent).status, 200);
  std::string expected = kAsk;
  expected.replace(expected.find("assistant"), 9, "sha-1");
  EXPECT_EQ(stub.last().body, expected) << "plain, since its bytes had to change";
  EXPECT_FALSE(stub.last().headers.has("content-encoding"));
  EXPECT_EQ(stub.last().headers.get("x-custom"), "kept");
  EXPECT_EQ(interactions(1)[0].content, "stored");
}

TEST_F(RecorderTest, PassesARequestInAnUnknownCodingToTheUpstreamWithoutContent) {
  start();
  stub.body = chat_answer("answer");
  auto sent = request("POST", "/v1/chat/completions", "\x01\x02 encoded");
  sent.headers.add("content-encoding", "compress");
  EXPECT_EQ(fetch(sent).body, stub.body);
  EXPECT_EQ(stub.last().body, sent.body);
  EXPECT_EQ(stub.last().headers.get("content-encoding"), "compress");
  const auto interaction = interactions(1)[0];
  EXPECT_EQ(interaction.content, "unreadable");
  EXPECT_EQ(interaction.upstream, "stub");
  EXPECT_EQ(interaction.alias, "");
  EXPECT_EQ(interaction.completion_tokens, 2);
  EXPECT_EQ(recorder->counters().encoded, 1U);
}

TEST_F(RecorderTest, BombsCostTheirLimitAndNoMore) {
  start();
  const std::string bomb = net::encode("gzip", std::string(40U << 20, ' '));
  ASSERT_LT(bomb.size(), 100'000U);
  auto sent = request("POST", "/v1/chat/completions", bomb);
  sent.headers.add("content-encoding", "gzip");
  EXPECT_EQ(fetch(sent).status, 413);
  EXPECT_EQ(stub.seen, 0);
  stub.headers = {{"content-encoding", "gzip"}};
  stub.body = bomb;
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, bomb);
  EXPECT_EQ(interactions(1)[0].content, "unreadable");
  EXPECT_EQ(recorder->counters().too_large, 1U);
}

TEST_F(RecorderTest, LetsTrafficPassUnrecordedAndCountedWhereTheOutboxIsFull) {
  outbox_options.max_total_bytes = 1;
  start();
  stub.body = chat_answer("answer");
  EXPECT_EQ(post("/v1/chat/completions", kAsk).body, stub.body);
  for (int i = 0; i < 1000 && recorder->counters().unrecorded == 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(recorder->counters().unrecorded, 1U);
  EXPECT_EQ(recorder->counters().recorded, 0U);
}

TEST_F(RecorderTest, KeepsTheInteractionWhereTheQueueOverflows) {
  start();
  Recorder small(*outbox, *in_flight, redactor(), "tenant key", {.queue_bytes = 10});
  FinishedCall call;
  call.facts.id = ids.next("int");
  call.request = wire::CutBody(std::string(kAsk));
  small.finish(std::move(call));
  small.wait_idle();
  EXPECT_EQ(small.counters().overflowed, 1U);
  EXPECT_EQ(small.counters().unreadable, 0U) << "one reason each";
  EXPECT_EQ(interactions(1)[0].content, "unreadable");
}

}  // namespace
}  // namespace hone::capture
