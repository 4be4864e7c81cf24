// What real clients sent, as it was recorded, through the gateway: it must reach the upstream as
// the client sent it, the answer must reach the client as the upstream sent it, piece by piece, and
// what is recorded must be whole.
#include <filesystem>
#include <set>

#include "base/text.h"
#include "capture/gateway_test_support.h"
#include "net/encode_test_support.h"
#include "wire/call.h"

namespace hone::capture {
namespace {

struct Recorded {
  std::string file;
  std::string method;
  std::string target;
  net::Headers headers;  // names spelled and ordered as sent
  std::string body;
  std::optional<wire::Format> format;  // of a model call that is recorded
  bool streamed = false;
};

// Bytes that belong to the connection, or are wrong since the recordings were scrubbed.
bool is_per_hop(std::string_view name) {
  for (const auto* known : {"connection", "host", "content-length", "transfer-encoding"}) {
    if (net::same_name(name, known)) return true;
  }
  return false;
}

std::optional<wire::Format> format_of(std::string_view method, std::string_view target) {
  const auto path = target.substr(0, target.find('?'));
  if (method != "POST") return std::nullopt;
  if (path == "/v1/chat/completions") return wire::Format::kOpenAIChat;
  if (path == "/v1/messages") return wire::Format::kAnthropicMessages;
  if (path == "/v1/responses") return wire::Format::kOpenAIResponses;
  return std::nullopt;
}

Recorded read_recorded(const json::object& request, const std::string& file) {
  Recorded recorded{.file = file,
                    .method = std::string(string_or_empty(request, "method")),
                    .target = std::string(string_or_empty(request, "path"))};
  recorded.format = format_of(recorded.method, recorded.target);
  if (const auto* body = request.if_contains("body"); body != nullptr && body->is_object()) {
    recorded.body = json::serialize(*body);
    const auto* stream = body->get_object().if_contains("stream");
    recorded.streamed = stream != nullptr && *stream == true;
  }
  const auto& values = request.at("headers").as_object();
  const auto* names = request.if_contains("rawHeaderNames");
  if (names == nullptr) {
    for (const auto& field : values) {
      recorded.headers.add(std::string(field.key()), std::string(field.value().as_string()));
    }
    return recorded;
  }
  for (const auto& name : names->as_array()) {
    const std::string spelled(name.as_string());
    const std::string lower = lower_case(spelled);
    if (is_per_hop(lower)) continue;
    recorded.headers.add(spelled, std::string(string_or_empty(values, lower)));
  }
  return recorded;
}

// Every request under /v1 but telemetry (docs/architecture.md: the gateway's paths).
std::vector<Recorded> recorded_requests(const std::string& folder) {
  std::vector<Recorded> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto file = parse_json(hone::testing::read_all(entry.path()));
    if (!file || !file->is_object() || !file->as_object().contains("requests")) continue;
    for (const auto& request : file->at("requests").as_array()) {
      auto recorded = read_recorded(request.as_object(), entry.path().filename());
      const std::set<std::string> telemetry = {"/v1/logs", "/v1/metrics", "/v1/traces"};
      const bool ours = recorded.method == "HEAD" || recorded.target.starts_with("/v1/");
      if (ours && !telemetry.contains(recorded.target)) all.push_back(std::move(recorded));
    }
  }
  return all;
}

// What an upstream of each kind answers: "Hello." and the call of a tool, 11 tokens in, 5 out.
std::vector<std::string> stream_of(wire::Format format) {
  switch (format) {
    case wire::Format::kOpenAIChat:
      return {
          ": keep-alive\n\n",
          "data: {\"id\":\"r_1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n",
          "data: { \"id\":\"r_1\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo.\"}}]}\n\n"
          "data: {\"id\":\"r_1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
          "\"id\":\"c_1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
          "\"finish_reason\":\"tool_calls\"}]}\n\n",
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\n",
          "data: [DONE]\n\n"};
    case wire::Format::kAnthropicMessages:
      return {
          "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"r_1\","
          "\"usage\":{\"input_tokens\":11,\"output_tokens\":1}}}\r\n\r\n",
          "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: x_new\ndata: {\"type\":\"x_new\"}\n\n",
          "data: "
          "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
          "\"text\":\"\"}}\n\ndata: "
          "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
          "\"text_delta\",\"text\":\"Hello.\"}}\n\n",
          "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
          "\"tool_use\",\"id\":\"c_1\",\"name\":\"f\",\"input\":{}}}\n\n",
          "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":"
          "{\"output_tokens\":5}}\n\n",
          "data: {\"type\":\"message_stop\"}\n\n"};
    case wire::Format::kOpenAIResponses:
      return {
          "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":"
          "\"r_1\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
          "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,"
          "\"delta\":\"Hel\"}\n\n",
          "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,"
          "\"delta\":\"lo.\"}\n\n",
          "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":"
          "\"function_call\",\"call_id\":\"c_1\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n",
          "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r_1\",\"status\":"
          "\"completed\",\"output\":[],\"usage\":{\"input_tokens\":11,\"output_tokens\":5}}}\n\n"};
  }
  return {};
}

std::string body_of(wire::Format format) {
  switch (format) {
    case wire::Format::kOpenAIChat:
      return R"({"id":"r_1", "choices":[{"index":0,"message":{"content":"Hello.","tool_calls":[)"
             R"({"id":"c_1","function":{"name":"f","arguments":"{}"}}]},"finish_reason":)"
             R"("tool_calls"}],"usage":{"prompt_tokens":11,"completion_tokens":5}})";
    case wire::Format::kAnthropicMessages:
      return R"({"id":"r_1", "content":[{"type":"text","text":"Hello."},{"type":"tool_use",)"
             R"("id":"c_1","name":"f","input":{}}],"stop_reason":"tool_use",)"
             R"("usage":{"input_tokens":11,"output_tokens":5}})";
    case wire::Format::kOpenAIResponses:
      return R"({"id":"r_1", "status":"completed","output":[{"type":"message","content":[{)"
             R"("type":"output_text","text":"Hello."}]},{"type":"function_call","call_id":"c_1",)"
             R"("name":"f","arguments":"{}"}],"usage":{"input_tokens":11,"output_tokens":5}})";
  }
  return "";
}

// A chunk as it stands between the gateway and the client.
std::string framed(const std::string& chunk) {
  std::ostringstream out;
  out << std::hex << chunk.size() << "\r\n" << chunk << "\r\n";
  return out.str();
}

class GatewayReplayTest : public GatewayTest {
 protected:
  void SetUp() override {
    const auto folder = hone::testing::shared_path("recordings");
    if (!folder) GTEST_SKIP();
    for (auto& recorded : recorded_requests(*folder)) {
      (recorded.format ? calls : others).push_back(std::move(recorded));
    }
    ASSERT_GE(calls.size(), 60U);
    open = true;
    start();
  }

  // The request as bytes, with what is for the gateway itself beside what the client sent.
  static std::string raw(const Recorded& sent) {
    std::string text = sent.method + " " + sent.target + " HTTP/1.1\r\nHost: h\r\n";
    for (const auto& field : sent.headers) text += field.name + ": " + field.value + "\r\n";
    text += "x-hone-purpose: replay\r\n";
    if (!sent.body.empty()) text += "Content-Length: " + std::to_string(sent.body.size()) + "\r\n";
    return text + "\r\n" + sent.body;
  }
  static std::vector<std::string> lines(const net::Headers& headers) {
    std::vector<std::string> out;
    for (const auto& field : headers) {
      if (!is_per_hop(field.name)) out.push_back(field.name + ": " + field.value);
    }
    return out;
  }
  void expect_reached(const Recorded& sent, const std::string& body) {
    const auto reached = stub.last();
    EXPECT_EQ(reached.method, sent.method) << sent.file;
    EXPECT_EQ(reached.target, sent.target) << sent.file;
    EXPECT_TRUE(reached.body == body) << sent.file << ": another body";
    EXPECT_EQ(lines(reached.headers), lines(sent.headers)) << sent.file;
  }
  // The stub's answer to `sent`, in one of the codings that its client takes.
  void set_answer(const Recorded& sent, std::size_t number) {
    const std::string accepted = sent.headers.get("accept-encoding");
    std::vector<std::string> codings = {""};
    for (const std::string coding : {"gzip", "deflate", "br", "zstd"}) {
      if (accepted.find(coding) != std::string::npos) codings.push_back(coding);
    }
    const std::string coding = codings[number % codings.size()];
    stub.mode = sent.streamed ? StubUpstream::Mode::kStream : StubUpstream::Mode::kAnswer;
    stub.headers = {{"Content-Type", sent.streamed ? "text/event-stream" : "application/json"},
                    {"X-Upstream", "kept, as it is"}};
    if (number % 2 == 0) stub.headers.add("Request-Id", "req_up_" + std::to_string(number));
    if (!coding.empty()) stub.headers.add("Content-Encoding", coding);
    stub.body = body_of(*sent.format);
    stub.chunks = stream_of(*sent.format);
    if (coding.empty()) return;
    stub.body = net::encode(coding, stub.body);
    const std::string whole = net::encode_flushed(coding, stub.chunks);
    const std::size_t size = whole.size() / 4;
    stub.chunks = {whole.substr(0, size), whole.substr(size, size), whole.substr(2 * size)};
  }
  // Sends it and reads the answer, of which no chunk is made before the one before has come
  // through. Gives what the client got.
  std::string exchange(const Recorded& sent) {
    stub.allowed = 1;
    net::TestSocket socket(server->port());
    EXPECT_TRUE(socket.send(raw(sent)));
    if (!sent.streamed) {
      socket.read_until("\r\n\r\n");
      return socket.read_until(stub.body);
    }
    std::string expected;
    std::string got;
    for (const auto& chunk : stub.chunks) {
      expected += framed(chunk);
      got = socket.read_until(framed(chunk));
      EXPECT_NE(got.find(framed(chunk)), std::string::npos) << sent.file;
      ++stub.allowed;
    }
    got = socket.read_until("\r\n0\r\n\r\n");
    EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), expected + "0\r\n\r\n") << sent.file;
    return got;
  }
  void expect_answer(const Recorded& sent, std::size_t number, const std::string& got) {
    EXPECT_TRUE(got.starts_with("HTTP/1.1 200 ")) << sent.file;
    if (!sent.streamed) {
      EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), stub.body) << sent.file;
    }
    const std::string head = got.substr(0, got.find("\r\n\r\n") + 2);
    for (const auto& field : stub.headers) {
      EXPECT_NE(head.find("\r\n" + field.name + ": " + field.value + "\r\n"), std::string::npos)
          << sent.file << ": " << field.name;
    }
    const bool has_ours = head.find("\r\nrequest-id: req_") != std::string::npos;
    EXPECT_EQ(has_ours, number % 2 != 0) << "ours only where the upstream sent none";
  }

  std::vector<Recorded> calls;   // the model calls
  std::vector<Recorded> others;  // probes, counts, lists, analytics
};

std::string value_in(const std::string& answer, const std::string& header) {
  const auto at = answer.find("\r\n" + header + ": ");
  if (at == std::string::npos) return "";
  const auto begin = at + header.size() + 4;
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

std::string handle_of(const store::Interaction& interaction, const std::string& kind) {
  for (const auto& handle : interaction.handles) {
    if (handle.kind == kind) return handle.value;
  }
  return "";
}

TEST_F(GatewayReplayTest, EveryModelCallAndItsAnswerPassByteForByteAndAreRecordedWhole) {
  std::map<std::string, const Recorded*> sent_as;  // by the interaction's id
  for (const auto& sent : calls) {
    set_answer(sent, sent_as.size());
    const std::string got = exchange(sent);
    expect_answer(sent, sent_as.size(), got);
    expect_reached(sent, sent.body);
    sent_as[value_in(got, "x-hone-interaction-id")] = &sent;
  }
  std::set<std::string> tools;
  for (const auto& interaction : interactions(calls.size())) {
    ASSERT_TRUE(sent_as.contains(interaction.id));
    const auto& sent = *sent_as.at(interaction.id);
    EXPECT_EQ(interaction.content, "stored") << sent.file;
    EXPECT_EQ(interaction.error, "") << sent.file;
    EXPECT_EQ(interaction.status, 200);
    EXPECT_EQ(interaction.wire, wire::name(*sent.format)) << sent.file;
    EXPECT_EQ(interaction.streamed, sent.streamed) << sent.file;
    EXPECT_EQ(interaction.purpose, "replay");
    EXPECT_EQ(interaction.alias, string_or_empty(parse_json_object(sent.body).value(), "model"));
    EXPECT_EQ(interaction.prompt_tokens, 11) << sent.file;
    EXPECT_EQ(interaction.completion_tokens, 5) << sent.file;
    EXPECT_NE(interaction.stop_reason, "") << sent.file;
    EXPECT_NE(interaction.context_node, "") << sent.file;
    EXPECT_NE(interaction.output_node, "") << sent.file;
    EXPECT_EQ(handle_of(interaction, "response"), "r_1") << sent.file;
    EXPECT_EQ(handle_of(interaction, "tool_call"), "c_1") << sent.file;
    EXPECT_NE(handle_of(interaction, "request"), "") << sent.file;
    const bool has_session = sent.headers.has("x-claude-code-session-id") ||
                             sent.headers.has("session-id") || sent.headers.has("x-session-id");
    EXPECT_EQ(handle_of(interaction, "session") != "", has_session) << sent.file;
    tools.insert(interaction.tool);
  }
  for (const auto* tool : {"claude-code", "codex", "opencode", "openai-sdk", "anthropic-sdk"}) {
    EXPECT_TRUE(tools.contains(tool)) << tool;
  }
  EXPECT_EQ(recorder->counters().recorded, calls.size());
}

TEST_F(GatewayReplayTest, AnAliasChangesTheModelsNameAndNoOtherByte) {
  stub.mode = StubUpstream::Mode::kAnswer;
  const Route route = router.routes["assistant"];
  for (const auto& sent : calls) {
    auto body = parse_json_object(sent.body).value();
    router.routes.clear();
    router.routes[std::string(body.at("model").as_string())] = route;
    stub.body = body_of(*sent.format);
    net::TestSocket socket(server->port());
    EXPECT_TRUE(socket.send(raw(sent)));
    socket.read_until(stub.body);
    body["model"] = json::string(route.upstream_model);
    expect_reached(sent, json::serialize(body));
  }
}

TEST_F(GatewayReplayTest, AnErrorReachesTheClientAndIsRecordedByItsType) {
  stub.status = 529;
  stub.headers = {{"retry-after", "1"}, {"x-should-retry", "true"}, {"request-id", "req_e1"}};
  stub.body = R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})";
  for (const auto& sent : calls) {
    net::TestSocket socket(server->port());
    EXPECT_TRUE(socket.send(raw(sent)));
    const std::string got = socket.read_until(stub.body);
    EXPECT_TRUE(got.starts_with("HTTP/1.1 529 ")) << sent.file;
    EXPECT_NE(got.find("\r\nx-should-retry: true\r\n"), std::string::npos) << sent.file;
    EXPECT_TRUE(got.ends_with("\r\n\r\n" + stub.body)) << sent.file;
  }
  for (const auto& interaction : interactions(calls.size())) {
    EXPECT_EQ(interaction.status, 529);
    EXPECT_EQ(interaction.error, "overloaded_error");
    EXPECT_EQ(interaction.content, "stored") << "what was asked is known, though not answered";
    EXPECT_EQ(interaction.output_node, "");
  }
}

TEST_F(GatewayReplayTest, WhatElseTheseClientsSendPassesUnrecorded) {
  stub.body = R"({"data":[]})";
  std::map<std::string, int> seen;
  for (const auto& sent : others) {
    const int before = stub.seen;
    if (sent.headers.has("upgrade")) {
      std::string upgrade = sent.method + " " + sent.target + " HTTP/1.1\r\n";
      for (const auto& field : sent.headers) upgrade += field.name + ": " + field.value + "\r\n";
      net::TestSocket socket(server->port());
      EXPECT_TRUE(socket.send(upgrade + "\r\n"));
      EXPECT_TRUE(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 426 "));
      EXPECT_EQ(stub.seen, before);
      ++seen["websocket"];
      continue;
    }
    net::TestSocket socket(server->port());
    EXPECT_TRUE(socket.send(raw(sent)));
    const std::string got = socket.read_until("\r\n\r\n");
    EXPECT_TRUE(got.starts_with("HTTP/1.1 200 ")) << sent.file << " " << sent.target;
    if (sent.method == "HEAD") {
      EXPECT_EQ(stub.seen, before) << "a probe of the gateway itself";
    } else if (sent.target.starts_with("/v1/models")) {
      EXPECT_EQ(stub.seen, before + 1) << "asked for the models that it has";
    } else {
      EXPECT_EQ(stub.seen, before + 1);
      expect_reached(sent, sent.body);
    }
    ++seen[sent.method + " " + sent.target.substr(0, sent.target.find('?'))];
  }
  for (const auto* request :
       {"websocket", "HEAD /api/hello", "GET /v1/models", "GET /v1/nope",
        "POST /v1/messages/count_tokens", "POST /v1/analytics/codex/turn-costs"}) {
    EXPECT_GE(seen[request], 1) << request;
  }
  const Recorded embeddings{.file = "none",
                            .method = "POST",
                            .target = "/v1/embeddings?x=1",
                            .headers = {{"OpenAI-Beta", "a"}, {"Content-Type", "application/json"}},
                            .body = R"({"model":"assistant", "input":["a","b"]})"};
  net::TestSocket socket(server->port());
  EXPECT_TRUE(socket.send(raw(embeddings)));
  socket.read_until(stub.body);
  expect_reached(embeddings, embeddings.body);
  EXPECT_TRUE(records().empty());
}

}  // namespace
}  // namespace hone::capture
