// OTLP as real tools sent it, in both encodings, and what is no OTLP.
#include "wire/otlp.h"

#include <gtest/gtest.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "support/recorded_otlp.h"

namespace hone::wire {
namespace {

using hone::testing::shared_path;
using protozero::pbf_writer;

constexpr auto kLogs = OtlpSignal::kLogs;
constexpr auto kTraces = OtlpSignal::kTraces;
constexpr auto kJsonOtlp = OtlpEncoding::kJson;
constexpr auto kProtobufOtlp = OtlpEncoding::kProtobuf;

// --- As recorded ---------------------------------------------------------------------------------

struct RecordedCount {
  const char* file;
  std::size_t events, spans, span_events;
};

// Counted in the recordings by other means (a few lines of Python over the raw bytes).
constexpr RecordedCount kRecordedOtlp[] = {
    {"claude-code__otlp-httpjson-tool-accept", 43, 6, 3},
    {"claude-code__otlp-httpjson-tool-deny", 42, 5, 2},
    {"claude-code__otlp-raw-api-bodies", 9, 2, 1},
    {"claude-code__otlp-httpprotobuf", 7, 2, 1},
    {"claude-code__otlp-grpc", 7, 0, 0},
    {"claude-code__tty-auto-mode", 41, 0, 0},
    {"claude-code__tty-user-accept", 37, 0, 0},
    {"claude-code__tty-user-accept-with-comment", 37, 0, 0},
    {"claude-code__tty-user-reject-esc", 28, 0, 0},
    {"claude-code__tty-user-reject-with-feedback", 34, 0, 0},
    {"codex__exec-custom-provider-otlp", 17, 12, 0},
    {"codex__exec-tool-call-otlp-logs", 27, 0, 0},
    {"gemini-cli__print-otlp", 10, 1, 0},
    {"sdk__otel-logs-proto", 1, 0, 0},
};

TEST(Otlp, ReadsWhatToolsSent) {
  for (const RecordedCount& wanted : kRecordedOtlp) {
    SCOPED_TRACE(wanted.file);
    const auto file = shared_path("recordings/" + std::string(wanted.file) + ".json");
    if (!file) GTEST_SKIP();
    RecordedCount found{wanted.file, 0, 0, 0};
    for (const auto& sent : test::recorded_otlp(*file)) {
      const auto read = read_otlp(sent.signal, sent.encoding, sent.body);
      ASSERT_TRUE(read) << sent.path << ": " << read.error().message;
      found.events += read->events.size();
      found.spans += read->spans.size();
      for (const TelemetryEvent& event : read->events) {
        EXPECT_GT(std::max(event.time_ns, event.observed_ns), 1'790'000'000'000'000'000U);
        EXPECT_LT(event.origin, read->origins.size());
      }
      for (const TelemetrySpan& span : read->spans) {
        EXPECT_EQ(span.trace_id.size(), 32U);
        EXPECT_EQ(span.span_id.size(), 16U);
        EXPECT_LE(span.start_ns, span.end_ns);
        found.span_events += span.events.size();
      }
    }
    EXPECT_EQ(found.events, wanted.events);
    EXPECT_EQ(found.spans, wanted.spans);
    EXPECT_EQ(found.span_events, wanted.span_events);
  }
}

TEST(Otlp, ReadsARecordWhole) {
  const auto file = shared_path("recordings/sdk__otel-logs-proto.json");
  if (!file) GTEST_SKIP();
  const auto sent = test::recorded_otlp(*file);
  ASSERT_EQ(sent.size(), 1U);
  const auto read = read_otlp(sent[0].signal, sent[0].encoding, sent[0].body);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->events.size(), 1U);
  const TelemetryEvent& event = read->events[0];
  EXPECT_EQ(event.name, "gen_ai.evaluation.result");
  EXPECT_EQ(json::serialize(event.attributes),
            R"({"gen_ai.evaluation.name":"user_feedback","gen_ai.evaluation.score.value":1,)"
            R"("gen_ai.response.id":"chatcmpl-stub"})");
  EXPECT_EQ(event.body, json::value("x"));
  EXPECT_EQ(read->origins.at(event.origin).scope, "stub-test");
  EXPECT_EQ(string_or_empty(read->resources.at(0), "telemetry.sdk.language"), "nodejs");
}

// --- Both encodings ------------------------------------------------------------------------------

// A KeyValue with the AnyValue that `write` puts in it.
template <typename Write>
void put_pair(pbf_writer& into, int tag, const std::string& key, Write write) {
  pbf_writer pair(into, static_cast<protozero::pbf_tag_type>(tag));
  pair.add_string(1, key);
  pbf_writer value(pair, 2);
  write(value);
}

std::string logs_in_protobuf() {
  std::string bytes;
  pbf_writer request(bytes);
  {
    pbf_writer resource_logs(request, 1);
    {
      pbf_writer scope_logs(resource_logs, 2);
      {
        pbf_writer scope(scope_logs, 1);
        scope.add_string(1, "a.scope");
        scope.add_string(2, "1.0");
      }
      pbf_writer record(scope_logs, 2);
      record.add_fixed64(1, 1'800'000'000'000'000'001U);
      record.add_fixed64(11, 5);
      record.add_int32(2, 9);
      {
        pbf_writer body(record, 5);
        body.add_string(1, "said");
      }
      put_pair(record, 6, "text", [](pbf_writer& v) { v.add_string(1, "a\"b"); });
      put_pair(record, 6, "yes", [](pbf_writer& v) { v.add_bool(2, true); });
      put_pair(record, 6, "small", [](pbf_writer& v) { v.add_int64(3, -9007199254740993); });
      put_pair(record, 6, "real", [](pbf_writer& v) { v.add_double(4, 0.25); });
      put_pair(record, 6, "bytes", [](pbf_writer& v) { v.add_bytes(7, "xyz"); });
      put_pair(record, 6, "empty", [](pbf_writer&) {});
      put_pair(record, 6, "list", [](pbf_writer& v) {
        pbf_writer list(v, 5);
        {
          pbf_writer first(list, 1);
          first.add_int64(3, 1);
        }
        pbf_writer second(list, 1);
        second.add_string(1, "two");
      });
      put_pair(record, 6, "map", [](pbf_writer& v) {
        pbf_writer map(v, 6);
        put_pair(map, 1, "k", [](pbf_writer& in) { in.add_bool(2, false); });
      });
      record.add_fixed32(8, 1);
      record.add_bytes(9, std::string(16, '\x1f'));
      record.add_bytes(10, std::string(8, '\xab'));
      record.add_string(12, "an.event");
      record.add_string(99, "of a schema to come");
    }
    pbf_writer resource(resource_logs, 1);  // behind its records, which protobuf allows
    put_pair(resource, 1, "service.name", [](pbf_writer& v) { v.add_string(1, "svc"); });
  }
  return bytes;
}

constexpr const char* kLogsInJson = R"({"resourceLogs":[{
  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},
  "scopeLogs":[{"scope":{"name":"a.scope","version":"1.0"},"logRecords":[{
    "timeUnixNano":"1800000000000000001","observedTimeUnixNano":5,"severityNumber":9,
    "body":{"stringValue":"said"},"eventName":"an.event","flags":1,
    "traceId":"1F1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f","spanId":"ABABABABABABABAB","toCome":{"x":[1]},
    "attributes":[
      {"key":"text","value":{"stringValue":"a\"b"}},{"key":"yes","value":{"boolValue":true}},
      {"key":"small","value":{"intValue":"-9007199254740993"}},
      {"key":"real","value":{"doubleValue":0.25}},{"key":"bytes","value":{"bytesValue":"eHl6"}},
      {"key":"empty","value":{}},
      {"key":"list","value":{"arrayValue":{"values":[{"intValue":1},{"stringValue":"two"}]}}},
      {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":false}}]}}}
    ]}]}]}]})";

std::string written_events(const Telemetry& telemetry) {
  std::string all;
  for (const TelemetryEvent& e : telemetry.events) {
    all += e.name + " " + std::to_string(e.time_ns) + " " + std::to_string(e.observed_ns) + " " +
           e.span_id + " " + json::serialize(e.body) + canonical(e.attributes) + " of " +
           telemetry.origins.at(e.origin).scope + " " +
           canonical(telemetry.resources.at(telemetry.origins.at(e.origin).resource)) + "\n";
  }
  return all;
}

TEST(Otlp, BothEncodingsOfARequestGiveTheSame) {
  const auto json = read_otlp(kLogs, kJsonOtlp, kLogsInJson);
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(written_events(*json),
            "an.event 1800000000000000001 5 abababababababab \"said\"{\"bytes\":null,"
            "\"empty\":null,\"list\":[1,\"two\"],\"map\":{\"k\":false},\"real\":2.5E-1,"
            "\"small\":-9007199254740993,\"text\":\"a\\\"b\",\"yes\":true} of a.scope "
            "{\"service.name\":\"svc\"}\n");
  const auto protobuf = read_otlp(kLogs, kProtobufOtlp, logs_in_protobuf());
  ASSERT_TRUE(protobuf) << protobuf.error().message;
  EXPECT_EQ(written_events(*protobuf), written_events(*json));
}

TEST(Otlp, ReadsJsonInTheSchemasOwnSpellingToo) {
  const auto read = read_otlp(kTraces, kJsonOtlp, R"({"resource_spans":[{"scope_spans":[{"spans":[
    {"trace_id":"","span_id":"0102030405060708","parent_span_id":"0000000000000000","name":"n",
     "start_time_unix_nano":1,"end_time_unix_nano":"2","attributes":null,
     "events":[{"name":"e","time_unix_nano":"3","attributes":[
       {"key":"v","value":{"array_value":{"values":[{"double_value":"NaN"},{"int_value":7}]}}}]}]
    }]}]}]})");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->spans.size(), 1U);
  const TelemetrySpan& span = read->spans[0];
  EXPECT_EQ(span.span_id, "0102030405060708");
  EXPECT_EQ(span.parent_id, "") << "zeros are no id";
  EXPECT_EQ(span.end_ns, 2U);
  ASSERT_EQ(span.events.size(), 1U);
  EXPECT_EQ(canonical(span.events[0].attributes), R"({"v":[null,7]})");
}

// --- What is no OTLP -----------------------------------------------------------------------------

TEST(Otlp, NamesWhatIsWrong) {
  const auto in_record = [](const std::string& field) {
    return R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{)" + field + "}]}]}]}";
  };
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "a JSON object is expected"},
      {"{", "not valid JSON"},
      {R"({"resourceLogs":{}})", "before the first record: field 'resourceLogs' must be an array"},
      {R"({"resourceLogs":[7]})", "'resourceLogs' must be an array of objects"},
      {in_record(R"("timeUnixNano":"soon")"), "record 2: field 'timeUnixNano' must be nanoseconds"},
      {in_record(R"("timeUnixNano":-1)"), "'timeUnixNano' must be nanoseconds"},
      {in_record(R"("spanId":"xyz")"), "'spanId' must be an id of 8 bytes"},
      {in_record(R"("attributes":[{"key":7}])"), "'key' must be a string"},
      {in_record(R"("attributes":[{"key":"k","value":"v"}])"), "'k' must be an object such as"},
      {in_record(R"("attributes":[{"key":"k","value":{"intValue":"1.5"}}])"), "'intValue' must be"},
      {in_record(R"("attributes":[{"key":"k","value":{"intValue":1.5}}])"), "'intValue' must be"},
      {in_record(R"("attributes":[{"key":"k","value":{"boolValue":"y"}}])"), "'boolValue' must be"},
      {in_record(R"("attributes":[{"key":"k","value":{"arrayValue":[]}}])"),
       "'arrayValue' must be"},
  };
  for (const auto& [body, message] : cases) {
    const auto read = read_otlp(kLogs, kJsonOtlp, body);
    ASSERT_FALSE(read) << body;
    EXPECT_NE(read.error().message.find(message), std::string::npos) << read.error().message;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
  }
}

TEST(Otlp, RefusesProtobufThatIsCutAnywhere) {
  const std::string whole = logs_in_protobuf();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto read = read_otlp(kLogs, kProtobufOtlp, whole.substr(0, size));
    ASSERT_FALSE(read) << size << " of " << whole.size() << " bytes";
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_NE(read.error().message.find("not valid protobuf"), std::string::npos);
  }
  EXPECT_TRUE(read_otlp(kLogs, kProtobufOtlp, "")) << "an empty request is one";
}

TEST(Otlp, KeepsItsLimits) {
  const auto refused = [](const std::string& body, const OtlpLimits& limits, const char* message) {
    const auto read = read_otlp(kLogs, kJsonOtlp, body, limits);
    ASSERT_FALSE(read) << message;
    EXPECT_EQ(read.error().code, ErrorCode::kTooLarge) << read.error().message;
    EXPECT_NE(read.error().message.find(message), std::string::npos) << read.error().message;
  };
  refused(kLogsInJson, {.size_bytes = 100}, "over the limit of 100");
  refused(kLogsInJson, {.records = 0}, "more than 0 resources");
  refused(kLogsInJson, {.attributes = 7}, "more than 7 attributes");
  refused(kLogsInJson, {.values = 9}, "more than 9 values");
  refused(kLogsInJson, {.depth = 1}, "nested deeper than 1");
  EXPECT_TRUE(read_otlp(kLogs, kJsonOtlp, kLogsInJson, {.depth = 2, .attributes = 8}));
  refused(R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{},{}]}]}]})", {.records = 2},
          "more than 2 records");
  const auto deep = read_otlp(kLogs, kProtobufOtlp, logs_in_protobuf(), {.depth = 1});
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::kTooLarge) << deep.error().message;
}

TEST(Otlp, ReadsNoDeeperThanItsLimitWhateverTheBytesAre) {
  std::string value;  // an AnyValue in an AnyValue, 3,000 levels
  for (int level = 0; level < 3'000; ++level) {
    std::string list;
    pbf_writer(list).add_message(1, value);
    value.clear();
    pbf_writer(value).add_message(5, list);
  }
  std::string body;
  pbf_writer request(body);
  {
    pbf_writer resource(request, 1);
    pbf_writer scope(resource, 2);
    pbf_writer record(scope, 2);
    record.add_message(5, value);
  }
  const auto read = read_otlp(kLogs, kProtobufOtlp, body);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge) << read.error().message;
}

// --- Answers -------------------------------------------------------------------------------------

TEST(Otlp, AnswersInTheEncodingAsked) {
  EXPECT_EQ(otlp_response(kLogs, kJsonOtlp, 0, ""), "{}");
  EXPECT_EQ(otlp_response(kLogs, kProtobufOtlp, 0, ""), "");
  EXPECT_EQ(otlp_response(kTraces, kJsonOtlp, 3, "record 1: no"),
            R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"record 1: no"}})");
  const std::string partial = otlp_response(kLogs, kProtobufOtlp, 3, "no");
  protozero::pbf_reader response(partial);
  ASSERT_TRUE(response.next(1));
  protozero::pbf_reader inner = response.get_message();
  ASSERT_TRUE(inner.next(1));
  EXPECT_EQ(inner.get_int64(), 3);
  ASSERT_TRUE(inner.next(2));
  EXPECT_EQ(inner.get_string(), "no");
  EXPECT_EQ(otlp_error(kJsonOtlp, {ErrorCode::kInvalid, "m"}), R"({"code":3,"message":"m"})");
  EXPECT_EQ(otlp_error(kProtobufOtlp, {ErrorCode::kUnavailable, "m"}),
            std::string("\x08\x0e\x12\x01m"));
}

}  // namespace
}  // namespace hone::wire
