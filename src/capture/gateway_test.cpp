// What passes through the gateway, and how it answers by itself.
#include "capture/gateway.h"

#include "capture/gateway_test_support.h"

namespace hone::capture {
namespace {

using Mode = StubUpstream::Mode;

const std::string kChat = R"({ "model" : "assistant","messages":[{"role":"user","content":"hi"}],)"
                          R"("unknown":{"b":1.0,"a":[ ]} })";
const std::string kPlain = R"({"model":"gpt-x","messages":[{"role":"user","content":"hi"}]})";

std::string error_message(const net::Response& response) {
  const auto body = parse_json_object(response.body);
  if (!body || !body->contains("error")) return "no error object: " + response.body;
  return std::string(string_or_empty(body->at("error").as_object(), "message"));
}

TEST_F(GatewayTest, PassesQueryHeadersAndBodyUntouched) {
  start();
  stub.body = R"({"id":"r"})";
  stub.status = 201;
  stub.headers = {{"X-Custom", "kept"}, {"x-request-id", "up-1"}, {"Content-Type", "a/b"}};
  auto sent = request("POST", "/v1/messages?beta=true&x=%20y", kPlain);
  sent.headers.add("anthropic-beta", "one,two");
  sent.headers.add("X-Stainless-Lang", "js");
  sent.headers.add("x-hone-purpose", "tests");
  const auto answer = fetch(sent);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, stub.body);
  EXPECT_EQ(answer.headers.get("X-Custom"), "kept");
  EXPECT_EQ(answer.headers.get("content-type"), "a/b");
  EXPECT_FALSE(answer.headers.has("request-id")) << "the upstream sent one of its own";
  EXPECT_TRUE(is_id(answer.headers.get("x-hone-interaction-id"), "int"));
  const auto reached = stub.last();
  EXPECT_EQ(reached.method, "POST");
  EXPECT_EQ(reached.target, "/v1/messages?beta=true&x=%20y");
  EXPECT_EQ(reached.body, kPlain);
  std::string names;
  for (const auto& field : reached.headers) names += field.name + ": " + field.value + "\n";
  EXPECT_EQ(names, "Host: " + upstream.url.authority() +
                       "\nanthropic-beta: one,two\nX-Stainless-Lang: js\nContent-Length: " +
                       std::to_string(kPlain.size()) + "\n");
}

TEST_F(GatewayTest, PutsTheModelOfAnAliasInPlaceAndNothingElse) {
  start();
  post("/v1/chat/completions", kChat);
  std::string expected = kChat;
  expected.replace(expected.find("assistant"), 9, "sha-1");
  EXPECT_EQ(stub.last().body, expected);
}

TEST_F(GatewayTest, SendsTheUpstreamsKeyAndNotTheCallers) {
  upstream.api_key = "sk-upstream";
  start();
  post("/v1/chat/completions", kPlain);
  EXPECT_EQ(stub.last().headers.get("authorization"), "Bearer sk-upstream");
  EXPECT_FALSE(stub.last().headers.has("x-api-key"));
  post("/v1/messages", kPlain);
  EXPECT_EQ(stub.last().headers.get("x-api-key"), "sk-upstream");
}

TEST_F(GatewayTest, StreamsEachChunkBeforeTheNextIsProduced) {
  start();
  stub.mode = Mode::kStream;
  stub.headers = {{"content-type", "text/event-stream; charset=utf-8"}};
  stub.chunks = {"event: one\ndata: {}\n\n", "event: unknown\ndata: 2\n\n", ": comment\n\n"};
  stub.allowed = 1;
  net::TestSocket socket(server->port());
  socket.send(raw_post("/v1/messages", kPlain));
  for (const auto& chunk : stub.chunks) {
    // The stub produces a chunk only after the one before has come through.
    EXPECT_NE(socket.read_until(chunk).find(chunk), std::string::npos);
    ++stub.allowed;
  }
  const std::string answer = socket.read_until("0\r\n\r\n");
  EXPECT_NE(answer.find("x-accel-buffering: no\r\n"), std::string::npos);
  EXPECT_NE(answer.find("request-id: req_"), std::string::npos);
  server->stop(1s);
  EXPECT_EQ(gateway->counters().answered_2xx, 1U);
  EXPECT_EQ(gateway->counters().in_flight, 0U);
}

TEST_F(GatewayTest, RefusesUnknownKeysInTheShapeOfTheWire) {
  start();
  auto sent = request("POST", "/v1/messages", kPlain);
  sent.headers.set("x-api-key", "hone_sk_wrong");
  const auto anthropic = fetch(sent);
  EXPECT_EQ(anthropic.status, 401);
  EXPECT_EQ(parse_json_object(anthropic.body).value().at("type"), "error");
  sent.url.target = "/v1/chat/completions";
  sent.headers.remove("x-api-key");
  const auto openai = fetch(sent);
  EXPECT_EQ(openai.status, 401);
  EXPECT_NE(error_message(openai).find("hone key create"), std::string::npos);
  EXPECT_EQ(stub.seen, 0);
}

TEST_F(GatewayTest, NeedsNoKeyWhereItIsOpenAndPassesTheProvidersOn) {
  open = true;
  start();
  auto sent = request("POST", "/v1/messages", kPlain);
  sent.headers.set("x-api-key", "sk-of-the-provider");
  EXPECT_EQ(fetch(sent).status, 200);
  EXPECT_EQ(stub.last().headers.get("x-api-key"), "sk-of-the-provider");
  sent.headers.remove("x-api-key");
  EXPECT_EQ(fetch(sent).status, 200);
  EXPECT_EQ(interactions(2)[0].person, "");
}

TEST_F(GatewayTest, NamesWhatIsWrongWithACall) {
  upstream.wires = {wire::Format::kAnthropicMessages};
  upstream.models = {"gpt-*"};
  start();
  const auto broken = post("/v1/chat/completions", R"({"model":"gpt-x")");
  EXPECT_EQ(broken.status, 400);
  EXPECT_NE(error_message(broken).find("JSON"), std::string::npos);
  const auto missing = post("/v1/chat/completions", R"({"messages":[]})");
  EXPECT_EQ(missing.status, 400);
  EXPECT_NE(error_message(missing).find("'model'"), std::string::npos);
  const auto unknown = post("/v1/chat/completions", R"({"model":"nobody"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_NE(error_message(unknown).find("'nobody'"), std::string::npos);
  const auto wrong_wire = post("/v1/responses", R"({"model":"gpt-x","input":"hi"})");
  EXPECT_EQ(wrong_wire.status, 400);
  EXPECT_NE(error_message(wrong_wire).find("speaks anthropic-messages"), std::string::npos);
  EXPECT_EQ(stub.seen, 0);
  server->stop(1s);  // counted once the client has its answer
  EXPECT_EQ(gateway->counters().answered_4xx, 4U);
}

TEST_F(GatewayTest, Answers502WhereTheUpstreamIsDown) {
  start();
  stub.stop();
  const auto answer = post("/v1/chat/completions", kPlain);
  EXPECT_EQ(answer.status, 502);
  EXPECT_NE(error_message(answer).find(upstream.url.origin()), std::string::npos);
  EXPECT_EQ(interactions(1)[0].error, "upstream_unreachable");
  EXPECT_EQ(interactions(1)[0].status, 502);
}

TEST_F(GatewayTest, Answers504WhereTheUpstreamHangsAndLetsItGo) {
  upstream.first_byte_timeout = 100ms;
  start();
  stub.mode = Mode::kHang;
  EXPECT_EQ(post("/v1/messages", kPlain).status, 504);
  for (int i = 0; i < 1000 && stub.gone == 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(stub.gone, 1);
  EXPECT_EQ(interactions(1)[0].error, "upstream_timeout");
  EXPECT_EQ(gateway->counters().upstream_timeouts, 1U);
}

TEST_F(GatewayTest, Answers502WhereTheUpstreamClosesWithoutAnAnswer) {
  start();
  stub.mode = Mode::kDie;
  EXPECT_EQ(post("/v1/messages", kPlain).status, 502);
  EXPECT_EQ(stub.seen, 1) << "a fresh connection is not tried twice";
}

TEST_F(GatewayTest, ListsAliasesAndTheUpstreamsModelsInTheShapeAskedFor) {
  start();
  stub.body = R"({"object":"list","data":[{"id":"gpt-x"},{"id":"assistant"},{"id":7},3]})";
  const auto openai = parse_json_object(fetch(request("GET", "/v1/models")).body).value();
  EXPECT_EQ(openai.at("object"), "list");
  ASSERT_EQ(openai.at("data").as_array().size(), 2U);
  EXPECT_EQ(openai.at("data").as_array()[0].at("id"), "assistant");
  auto sent = request("GET", "/v1/models?limit=1000");
  sent.headers.add("anthropic-version", "2023-06-01");
  const auto anthropic = parse_json_object(fetch(sent).body).value();
  EXPECT_EQ(anthropic.at("last_id"), "gpt-x");
  EXPECT_EQ(anthropic.at("data").as_array()[1].at("type"), "model");
  stub.stop();
  EXPECT_EQ(fetch(request("GET", "/v1/models")).status, 200) << "an upstream that is down";
}

TEST_F(GatewayTest, AnswersProbesAndUpgradesByItself) {
  start();
  EXPECT_EQ(fetch(request("HEAD", "/api/hello")).status, 200);
  net::TestSocket socket(server->port());
  socket.send(
      "GET /v1/responses HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\n\r\n");
  EXPECT_TRUE(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 426 "));
  EXPECT_EQ(stub.seen, 0);
  // Java's client offers HTTP/2 with every request, and goes on without.
  auto java = request("POST", "/v1/responses", kPlain);
  java.headers.add("Connection", "Upgrade, HTTP2-Settings");
  java.headers.add("Upgrade", "h2c");
  java.headers.add("HTTP2-Settings", "AAEAAEAA");
  EXPECT_EQ(fetch(java).status, 200);
  EXPECT_FALSE(stub.last().headers.has("HTTP2-Settings"));
}

TEST_F(GatewayTest, RoutesResponsesAndWhatBelongsToThemByAlias) {
  upstream.api_key = "sk-upstream";
  start();
  const std::string ask = R"({"model":"assistant","input":"hi"})";
  const std::string sent = R"({"model":"sha-1","input":"hi"})";
  for (const auto* path :
       {"/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"}) {
    EXPECT_EQ(post(path, ask).status, 200);
    EXPECT_EQ(stub.last().target, path);
    EXPECT_EQ(stub.last().body, sent);
    EXPECT_EQ(stub.last().headers.get("authorization"), "Bearer sk-upstream");
  }
  EXPECT_EQ(fetch(request("GET", "/v1/responses/resp_1?include[]=x")).status, 200);
  EXPECT_EQ(stub.last().target, "/v1/responses/resp_1?include[]=x");
  EXPECT_EQ(interactions(1)[0].wire, "openai-responses");
  EXPECT_EQ(records().size(), 1U) << "the interaction of the first call alone";
}

TEST_F(GatewayTest, RefusesResponsesWhereTheUpstreamSpeaksMessagesOnly) {
  upstream.wires = {wire::Format::kAnthropicMessages};
  start();
  const auto answer = post("/v1/responses", R"({"model":"assistant","input":"hi"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(error_message(answer).find("and not openai-responses"), std::string::npos);
}

TEST_F(GatewayTest, PassesOtherPathsThroughUnrecorded) {
  start();
  stub.status = 404;
  stub.body = "no such thing";
  const auto answer = post("/v1/analytics/codex/turn-costs?a=b", "any bytes");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "no such thing");
  EXPECT_EQ(stub.last().target, "/v1/analytics/codex/turn-costs?a=b");
  EXPECT_EQ(stub.last().body, "any bytes");
  EXPECT_EQ(post("/v1/messages/count_tokens?beta=true", kChat).status, 404);
  EXPECT_NE(stub.last().body.find("\"sha-1\""), std::string::npos);
  EXPECT_TRUE(records().empty());
}

TEST_F(GatewayTest, SpeaksToAnUpstreamBelowAPath) {
  upstream.url.target = "/prefix/";
  start();
  post("/v1/chat/completions", kPlain);
  EXPECT_EQ(stub.last().target, "/prefix/v1/chat/completions");
}

}  // namespace
}  // namespace hone::capture
