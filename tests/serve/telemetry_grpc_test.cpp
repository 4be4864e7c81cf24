// The real program takes OTLP over gRPC: what tools sent, as they sent it, gives the facts that it
// gives over HTTP, and what is refused there is refused here.
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "base/json.h"
#include "net/encode_test_support.h"
#include "net/grpc_test_client.h"
#include "net/tls_test_support.h"
#include "serve/serve_fixture.h"
#include "support/recorded_otlp.h"

namespace hone::serve_test {
namespace {

using hone::testing::shared_path;
using net::GrpcCode;
using protozero::pbf_writer;

const std::string kLogs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

std::string method_of(wire::OtlpSignal signal) {
  if (signal == wire::OtlpSignal::kLogs) return kLogs;
  if (signal == wire::OtlpSignal::kTraces) {
    return "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  }
  return "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
}

// One log record: its name, and attributes that are texts.
std::string one_record(const std::string& name, const std::map<std::string, std::string>& texts) {
  std::string bytes;
  pbf_writer request(bytes);
  pbf_writer resource_logs(request, 1);
  pbf_writer scope_logs(resource_logs, 2);
  pbf_writer record(scope_logs, 2);
  for (const auto& [key, text] : texts) {
    pbf_writer pair(record, 6);
    pair.add_string(1, key);
    pbf_writer value(pair, 2);
    value.add_string(1, text);
  }
  record.add_string(12, name);
  record.commit();
  scope_logs.commit();
  resource_logs.commit();
  return bytes;
}

// About the answer "r", which is the upstream's. It is long enough to be sent gzipped, where that
// is asked for.
std::string vote(const std::string& by = "user_feedback") {
  return one_record("gen_ai.evaluation.result", {{"gen_ai.evaluation.name", by},
                                                 {"gen_ai.evaluation.score.label", "good"},
                                                 {"gen_ai.response.id", "r"},
                                                 {"of.no.meaning", std::string(2000, 'x')}});
}

class ServeTelemetryGrpc : public Serve {
 protected:
  void SetUp() override {
    if (!net::kGrpcCanBeTested) GTEST_SKIP();
  }
  // `more` stands at the file's end.
  void write_grpc_settings(const Upstream& upstream, const std::string& more = "",
                           const std::string& server = "") {
    const std::string grpc =
        "[telemetry]\ngrpc = \"127.0.0.1:" + std::to_string(grpc_port_) + "\"\n";
    write_settings(grpc + more, upstream.url(), server);
  }
  void ask_for_keys() const {
    std::string settings = hone::testing::read_all(folder_.path("hone.toml"));
    settings.replace(settings.find("\"open\""), 6, "\"keys\"");
    hone::testing::write_all(folder_.path("hone.toml"), settings);
  }
  [[nodiscard]] net::GrpcReply send_logs(const std::string& message,
                                         const net::GrpcSending& sending = {}) const {
    return net::GrpcClient(grpc_port_).call(kLogs, message, sending);
  }
  [[nodiscard]] net::Response post_logs(const std::string& body) const {
    net::Headers headers{{"content-type", "application/x-protobuf"}};
    return send("POST", "/v1/logs", std::move(headers), body);
  }
  [[nodiscard]] bool says(const std::string& said, int events) const {
    return metrics_say("hone_telemetry_events_total{said=\"" + said + "\"} " +
                       std::to_string(events));
  }
  // The feedback of the one interaction that there is.
  [[nodiscard]] json::array feedback() const {
    const std::string page = get("/api/v1/interactions").body;
    const auto at = page.find("int_");
    if (at == std::string::npos) return {};
    const auto one = parse_json_object(get("/api/v1/interactions/" + page.substr(at, 30)).body);
    const auto* told = one ? one->if_contains("feedback") : nullptr;
    return told != nullptr && told->is_array() ? told->get_array() : json::array();
  }

  const std::uint16_t grpc_port_ = free_port();
};

TEST_F(ServeTelemetryGrpc, GivesTheFactsThatHttpGives) {
  Upstream upstream;
  write_grpc_settings(upstream);
  start();
  EXPECT_EQ(call(), 200);
  ASSERT_TRUE(lists_an_interaction());
  const auto reply = send_logs(vote());
  EXPECT_EQ(reply.status.code, GrpcCode::kOk) << reply.status.message;
  EXPECT_EQ(reply.message, "") << "an empty ExportLogsServiceResponse";
  EXPECT_TRUE(says("signal", 1));
  EXPECT_TRUE(comes([&] { return feedback().size() == 1; }));
  // The same over HTTP, and gzipped: one fact, told three times.
  EXPECT_EQ(post_logs(vote()).status, 200);
  const auto gzipped = send_logs(vote(), {.gzip = true});
  EXPECT_EQ(gzipped.status.code, GrpcCode::kOk) << gzipped.status.message;
  EXPECT_TRUE(says("signal", 3));
  EXPECT_EQ(send_logs(vote("another_user")).status.code, GrpcCode::kOk);
  EXPECT_TRUE(comes([&] { return feedback().size() > 1; })) << "what came before is there, too";
  EXPECT_EQ(feedback().size(), 2U);
  EXPECT_EQ(upstream.seen, 1) << "telemetry is not the upstream's";
  EXPECT_TRUE(metrics_say("hone_grpc_calls_total 3"));
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"taken\"} 4"));
}

TEST_F(ServeTelemetryGrpc, AnswersWhatRealToolsSend) {
  Upstream upstream;
  write_grpc_settings(upstream);
  start();
  net::GrpcClient client(grpc_port_);
  int sent_all = 0;
  for (const auto* name :
       {"claude-code__otlp-grpc", "claude-code__otlp-httpprotobuf", "sdk__otel-logs-proto"}) {
    const auto file = shared_path("recordings/" + std::string(name) + ".json");
    if (!file) GTEST_SKIP();
    for (const auto& sent : test::recorded_otlp(*file)) {
      ASSERT_EQ(sent.encoding, wire::OtlpEncoding::kProtobuf);
      for (const bool gzip : {false, true}) {
        const auto reply = client.call(method_of(sent.signal), sent.body, {.gzip = gzip});
        EXPECT_EQ(reply.status.code, GrpcCode::kOk) << name << ": " << reply.status.message;
        EXPECT_EQ(reply.message, "");
        ++sent_all;
      }
    }
  }
  EXPECT_GT(sent_all, 10);
  EXPECT_TRUE(says("signal", 2)) << "one fact, told plain and gzipped";
  EXPECT_TRUE(says("rejected", 0));
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"refused\"} 0"));
}

TEST_F(ServeTelemetryGrpc, NamesWhatIsWrong) {
  Upstream upstream;
  write_grpc_settings(upstream);
  start();
  const auto refused = [](const net::GrpcReply& reply, GrpcCode code, const char* message) {
    EXPECT_EQ(reply.status.code, code) << reply.status.message;
    EXPECT_NE(reply.status.message.find(message), std::string::npos) << reply.status.message;
  };
  refused(send_logs("\x0a\x7f"), GrpcCode::kInvalidArgument, "not valid protobuf");
  const std::string coded = net::encode("gzip", vote());
  refused(send_logs(coded.substr(0, coded.size() / 2)), GrpcCode::kInvalidArgument, "not whole");
  refused(send_logs(std::string(20U << 20, ' '), {.gzip = true}), GrpcCode::kResourceExhausted, "");
  refused(send_logs(std::string((16U << 20) + 1, ' ')), GrpcCode::kResourceExhausted, "");
  net::GrpcClient client(grpc_port_);
  refused(client.call("/grpc.health.v1.Health/Check", ""), GrpcCode::kUnimplemented, "Export");
  refused(send_logs(vote(), {.authority = "evil.example"}), GrpcCode::kPermissionDenied,
          "evil.example");
  refused(send_logs(vote(), {.metadata = {{"origin", "http://evil.example"}}}),
          GrpcCode::kPermissionDenied, "pages may not post here");
  // What a client says of its message is not believed.
  const net::GrpcSending odd{.metadata = {{"content-encoding", "rot13"}}};
  EXPECT_EQ(send_logs(vote(), odd).status.code, GrpcCode::kOk);
  // A record that is not as its tool writes it.
  const auto partial = send_logs(one_record("copilot_chat.user.feedback", {{"rating", "maybe"}}));
  EXPECT_EQ(partial.status.code, GrpcCode::kOk) << partial.status.message;
  EXPECT_NE(partial.message.find("'rating' must be"), std::string::npos) << partial.message;
  EXPECT_TRUE(says("rejected", 1));
  EXPECT_TRUE(says("signal", 1));
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(ServeTelemetryGrpc, KnowsThePersonByTheKey) {
  Upstream upstream;
  write_grpc_settings(upstream);
  ask_for_keys();
  const std::string key = secret_in(command({"key", "create", "--person", "Ana"}));
  ASSERT_FALSE(key.empty());
  start();
  const auto nobody = send_logs(vote());
  EXPECT_EQ(nobody.status.code, GrpcCode::kUnauthenticated);
  EXPECT_NE(nobody.status.message.find("no API key"), std::string::npos) << nobody.status.message;
  const auto stranger = send_logs(vote(), {.metadata = {{"authorization", "Bearer x"}}});
  EXPECT_EQ(stranger.status.code, GrpcCode::kUnauthenticated) << stranger.status.message;
  const auto too_long = send_logs(std::string(17U << 20, ' '));
  EXPECT_EQ(too_long.status.code, GrpcCode::kUnauthenticated) << "which is asked first";
  EXPECT_EQ(send_logs(vote(), {.metadata = {{"authorization", "Bearer " + key}}}).status.code,
            GrpcCode::kOk);
  EXPECT_EQ(send_logs(vote(), {.metadata = {{"x-api-key", key}}}).status.code, GrpcCode::kOk);
  EXPECT_TRUE(says("signal", 2));
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"refused\"} 3"));
}

TEST_F(ServeTelemetryGrpc, KeepsNothingWhereTheTeamsPolicyDoesNot) {
  Upstream upstream;
  write_grpc_settings(upstream, "[privacy]\ncapture = \"nothing\"\n");
  start();
  const auto reply = send_logs(vote());
  EXPECT_EQ(reply.status.code, GrpcCode::kPermissionDenied);
  EXPECT_NE(reply.status.message.find("records nothing"), std::string::npos);
}

TEST_F(ServeTelemetryGrpc, ShowsTheCertificateOfHttpsAndItsRenewal) {
  Upstream upstream;
  const auto put = [this](const net::Certificate& certificate) {
    hone::testing::write_all(folder_.path("cert.pem"), certificate.certificate_pem);
    hone::testing::write_all(folder_.path("key.pem"), certificate.key_pem);
  };
  const auto first = net::make_certificate();
  const auto next = net::make_certificate();
  put(first);
  write_grpc_settings(upstream, "",
                      "tls_certificate = \"" + folder_.path("cert.pem") + "\"\ntls_key = \"" +
                          folder_.path("key.pem") + "\"\n");
  start();
  const auto taken = [this](const net::Certificate& trusted) {
    net::GrpcClient client(grpc_port_, trusted.certificate_pem);
    return client.call(kLogs, vote()).status.code == GrpcCode::kOk;
  };
  EXPECT_TRUE(taken(first));
  EXPECT_NE(send_logs(vote()).status.code, GrpcCode::kOk) << "without TLS";
  put(next);
  hang_up();
  EXPECT_TRUE(comes([&] { return taken(next); }));
  EXPECT_TRUE(comes([&] { return !taken(first); })) << "once the former listener is closed";
}

TEST_F(ServeTelemetryGrpc, WithoutKeysIsForLoopbackOnly) {
  Upstream upstream;
  write_settings("[telemetry]\ngrpc = \"0.0.0.0:" + std::to_string(grpc_port_) + "\"\n",
                 upstream.url());
  auto process = spawn();
  EXPECT_NE(process.wait().code, 0);
  EXPECT_NE(log().find("telemetry.grpc: auth = \"open\" is for loopback only"), std::string::npos)
      << log();
}

TEST_F(ServeTelemetryGrpc, ListensOnlyWhereItIsAskedTo) {
  Upstream upstream;
  write_settings("", upstream.url());
  start();
  EXPECT_FALSE(net::TestSocket(grpc_port_).connected());
  EXPECT_TRUE(metrics_say("hone_telemetry_requests_total{result=\"taken\"} 0"));
  EXPECT_EQ(get("/metrics").body.find("hone_grpc_"), std::string::npos);
}

}  // namespace
}  // namespace hone::serve_test
