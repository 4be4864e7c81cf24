// Telemetry as real tools sent it (shared/recordings), ready to be read or posted again:
//
//   for (const auto& sent : test::recorded_otlp(*shared_path("recordings/codex__….json"))) …
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/test_support.h"
#include "wire/otlp.h"

namespace hone::test {

struct RecordedOtlp {
  std::string path;  // "/v1/logs"; of a gRPC frame the one it would have over HTTP
  wire::OtlpSignal signal = wire::OtlpSignal::kLogs;
  wire::OtlpEncoding encoding = wire::OtlpEncoding::kProtobuf;
  std::string body;
};

inline std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFFFFU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xFFU);
  }
  return bytes;
}

// The requests of a recording that are telemetry, in order. gRPC frames come without their prefix.
inline std::vector<RecordedOtlp> recorded_otlp(const std::string& file) {
  std::vector<RecordedOtlp> sent;
  const auto document = parse_json_object(hone::testing::read_all(file));
  EXPECT_TRUE(document) << file;
  if (!document) return sent;
  for (const json::value& value : document->at("requests").as_array()) {
    const json::object& request = value.as_object();
    const auto* headers = request.if_contains("headers");
    std::string path(string_or_empty(request, "path"));
    const bool grpc = path.empty() && headers != nullptr && headers->is_object();
    if (grpc) path = string_or_empty(headers->get_object(), ":path");
    const auto* body = request.if_contains("body");
    if (body == nullptr || !body->is_object()) continue;
    RecordedOtlp one;
    if (path == "/v1/logs" || path.find("LogsService") != std::string::npos) {
      one.path = "/v1/logs";
    } else if (path == "/v1/traces" || path.find("TraceService") != std::string::npos) {
      one.path = "/v1/traces";
      one.signal = wire::OtlpSignal::kTraces;
    } else if (path == "/v1/metrics" || path.find("MetricsService") != std::string::npos) {
      one.path = "/v1/metrics";
      one.signal = wire::OtlpSignal::kMetrics;
    } else {
      continue;
    }
    const auto* bytes = body->get_object().if_contains("_base64");
    if (bytes != nullptr) {
      one.body = from_base64(bytes->as_string());
      if (grpc) one.body.erase(0, 5);
    } else {
      one.encoding = wire::OtlpEncoding::kJson;
      one.body = json::serialize(*body);
    }
    sent.push_back(std::move(one));
  }
  return sent;
}

}  // namespace hone::test
