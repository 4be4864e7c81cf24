// The real program takes OTLP: in both encodings, coded and in chunks, answers in the encoding it
// came in, names what is wrong with it, and what it says of an answer becomes that answer's
// verdict.
#include <gtest/gtest.h>

#include "base/json.h"
#include "net/encode_test_support.h"
#include "serve/serve_fixture.h"
#include "support/recorded_otlp.h"

namespace hone::serve_test {
namespace {

using hone::testing::shared_path;

constexpr auto kJsonType = "application/json";
constexpr auto kProtobufType = "application/x-protobuf";

// One log record with these attributes.
std::string one_record(const std::string& name, const std::string& attributes) {
  return R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":")" + name +
         R"(","attributes":[)" + attributes + "]}]}]}]}";
}

std::string vote(const std::string& score) {
  return one_record("gen_ai.evaluation.result",
                    R"({"key":"gen_ai.evaluation.name","value":{"stringValue":"user_feedback"}},)"
                    R"({"key":"gen_ai.evaluation.score.value","value":{"doubleValue":)" +
                        score + R"(}},{"key":"gen_ai.response.id","value":{"stringValue":"r"}})");
}

class ServeTelemetry : public Serve {
 protected:
  [[nodiscard]] net::Response post(const std::string& path, const std::string& type,
                                   const std::string& body,
                                   const std::map<std::string, std::string>& headers = {}) const {
    net::Headers all;
    if (!type.empty()) all.add("content-type", type);
    for (const auto& [name, value] : headers) all.add(name, value);
    return send("POST", path, std::move(all), body);
  }
  [[nodiscard]] bool says(const std::string& said, int events) const {
    return metrics_say("hone_telemetry_events_total{said=\"" + said + "\"} " +
                       std::to_string(events));
  }
};

TEST_F(ServeTelemetry, WhatItSaysOfAnAnswerBecomesItsVerdict) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  // Before the answer that it is about, in chunks; the upstream's answers have the id "r".
  const std::string body = vote("1.0");
  net::TestSocket socket(port_);
  socket.send(
      "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\n" +
      body.substr(0, 5) + "\r\n");
  std::ostringstream rest;
  rest << std::hex << body.size() - 5 << "\r\n" << body.substr(5) << "\r\n0\r\n\r\n";
  socket.send(rest.str());
  const std::string answer = socket.read_until("{}");
  EXPECT_NE(answer.find("200 OK"), std::string::npos) << answer;
  EXPECT_NE(answer.find(kJsonType), std::string::npos) << answer;
  EXPECT_EQ(call(), 200);
  EXPECT_TRUE(comes([&] {
    return get("/api/v1/interactions").body.find("\"verdict\":\"accepted\"") != std::string::npos;
  })) << get("/api/v1/interactions").body;
  EXPECT_EQ(upstream.seen, 1) << "telemetry is not the upstream's";
  EXPECT_TRUE(says("signal", 1));
  // The same once more, gzipped: the same fact.
  EXPECT_EQ(post("/v1/logs", "application/json; charset=utf-8", net::encode("gzip", body),
                 {{"content-encoding", "gzip"}})
                .status,
            200);
  EXPECT_TRUE(says("signal", 2));
  const std::string page = get("/api/v1/interactions").body;
  const auto at = page.find("int_");
  ASSERT_NE(at, std::string::npos);
  const auto one = parse_json_object(get("/api/v1/interactions/" + page.substr(at, 30)).body);
  ASSERT_TRUE(one) << one.error().message;
  const auto* told = one->if_contains("feedback");
  ASSERT_TRUE(told != nullptr && told->is_array());
  EXPECT_EQ(told->get_array().size(), 1U) << json::serialize(*told);
}

TEST_F(ServeTelemetry, AnswersWhatRealToolsSend) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  for (const auto* name : {"claude-code__tty-user-accept", "claude-code__otlp-httpprotobuf",
                           "codex__exec-tool-call-otlp-logs", "codex__exec-custom-provider-otlp",
                           "gemini-cli__print-otlp", "sdk__otel-logs-proto"}) {
    const auto file = shared_path("recordings/" + std::string(name) + ".json");
    if (!file) GTEST_SKIP();
    for (const auto& sent : test::recorded_otlp(*file)) {
      const bool json = sent.encoding == wire::OtlpEncoding::kJson;
      const auto response = post(sent.path, json ? kJsonType : kProtobufType, sent.body);
      EXPECT_EQ(response.status, 200) << name << " " << sent.path << ": " << response.body;
      EXPECT_EQ(response.headers.get("content-type"), json ? kJsonType : kProtobufType);
      EXPECT_EQ(response.body, json ? "{}" : "");
    }
  }
  // Accepted by a person, approved by a setting, rated.
  EXPECT_TRUE(says("signal", 3));
  EXPECT_TRUE(says("rejected", 0));
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"refused\"} 0"));
}

TEST_F(ServeTelemetry, NamesWhatIsWrong) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  const auto refused = [](const net::Response& response, int status, const char* message) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_NE(response.body.find(message), std::string::npos) << response.body;
  };
  refused(post("/v1/logs", kJsonType, R"({"resourceLogs":7})"), 400,
          R"({"code":3,"message":"before the first record: field 'resourceLogs' must be)");
  const auto cut = post("/v1/traces", kProtobufType, "\x0a\x7f");
  refused(cut, 400, "not valid protobuf");
  EXPECT_EQ(cut.headers.get("content-type"), kProtobufType);
  refused(post("/v1/logs", "text/plain", "{}"), 415, "application/x-protobuf");
  refused(post("/v1/logs", kJsonType, "{}", {{"content-encoding", "rot13"}}), 415, "rot13");
  const std::string coded = net::encode("gzip", vote("1"));
  refused(post("/v1/logs", kJsonType, coded.substr(0, coded.size() / 2),
               {{"content-encoding", "gzip"}}),
          400, "not whole");
  refused(post("/v1/logs", kJsonType, net::encode("gzip", std::string(20U << 20, ' ')),
               {{"content-encoding", "gzip"}}),
          413, "");
  refused(get("/v1/logs"), 405, "posted");
  refused(post("/v1/logs", kJsonType, vote("1"), {{"origin", "http://evil.example"}}), 403,
          "pages may not post here");
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"refused\"} 8"));
  // A record that is not as its tool writes it, beside one that is.
  const auto partial = post("/v1/logs", kJsonType,
                            one_record("copilot_chat.user.feedback",
                                       R"({"key":"rating","value":{"stringValue":"maybe"}})"));
  EXPECT_EQ(partial.status, 200);
  EXPECT_NE(partial.body.find(R"({"partialSuccess":{"rejectedLogRecords":"1","errorMessage":)"
                              R"("log record 1 (copilot_chat.user.feedback): 'rating' must be)"),
            std::string::npos)
      << partial.body;
  EXPECT_EQ(post("/v1/metrics", kJsonType, "whatever").body, "{}");
  EXPECT_EQ(upstream.seen, 0);
}

TEST_F(ServeTelemetry, KnowsThePersonByTheKey) {
  Upstream upstream;
  write_settings("", upstream.url());
  std::string settings = hone::testing::read_all(folder_.path("hone.toml"));
  settings.replace(settings.find("\"open\""), 6, "\"keys\"");
  hone::testing::write_all(folder_.path("hone.toml"), settings);
  const std::string printed = command({"--json", "key", "create", "--person", "Ana"});
  const auto brace = std::min(printed.find('{'), printed.size());
  const auto made = parse_json_object(printed.substr(brace, printed.rfind('}') + 1 - brace));
  ASSERT_TRUE(made) << made.error().message;
  const std::string key(string_or_empty(*made, "key"));
  start();
  const auto refused = post("/v1/logs", kJsonType, vote("0"));
  EXPECT_EQ(refused.status, 401) << refused.body;
  EXPECT_NE(refused.body.find("\"code\":7"), std::string::npos) << refused.body;
  const std::map<std::string, std::string> bearer = {{"authorization", "Bearer " + key}};
  EXPECT_EQ(post("/v1/logs", kJsonType, vote("0"), bearer).status, 200);
  EXPECT_TRUE(says("signal", 1));
}

}  // namespace
}  // namespace hone::serve_test
