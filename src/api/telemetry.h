// Telemetry in, OTLP over HTTP: POST /v1/logs, /v1/traces and /v1/metrics in protobuf or JSON; and
// over gRPC, which comes in by the same way (docs/formats/otlp.md). What it says about answers
// becomes feedback; metrics are answered and not read. The parts of Api::answer_telemetry and
// Api::answer_grpc.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/metrics.h"
#include "feedback/telemetry.h"
#include "net/http.h"
#include "people/capture_policy.h"
#include "people/directory.h"
#include "wire/otlp.h"

namespace hone::api {

// Who tells, and how much of it is kept.
struct TelemetrySender {
  people::Caller caller;
  people::CaptureLevel level = people::CaptureLevel::kNothing;
};

// All that it says of answers is on disk; so many records are not as their tool writes them, the
// first because of `problem`.
struct TelemetryTaken {
  std::int64_t rejected = 0;
  std::string problem = {};
};

struct TelemetryRefusal {
  int status = 500;  // HTTP's
  Error error = {};
};

using TelemetryAnswer = std::expected<TelemetryTaken, TelemetryRefusal>;

// For /metrics.
struct TelemetryCounters {
  std::atomic<std::uint64_t> taken = 0;    // requests
  std::atomic<std::uint64_t> refused = 0;  // requests
  std::atomic<std::uint64_t> signals = 0;  // from here on as feedback::TelemetryCounts
  std::atomic<std::uint64_t> repeated = 0;
  std::atomic<std::uint64_t> nothing = 0;
  std::atomic<std::uint64_t> unknown = 0;
  std::atomic<std::uint64_t> without_handle = 0;
  std::atomic<std::uint64_t> without_value = 0;
  std::atomic<std::uint64_t> rejected = 0;
  std::atomic<std::uint64_t> wrong_clocks = 0;

  void add(const feedback::TelemetryCounts& counts);
  void count(const TelemetryAnswer& answer) { ++(answer ? taken : refused); }
};

void measure_telemetry(MetricsText& text, const TelemetryCounters& counters);

// Which of the three addresses; none where it is another.
[[nodiscard]] std::optional<wire::OtlpSignal> telemetry_signal(const net::Request& request);
// By the content type; none where it is neither protobuf nor JSON.
[[nodiscard]] std::optional<wire::OtlpEncoding> telemetry_encoding(const net::Request& request);
// The request's telemetry, its content coding undone. kNotFound: a coding that is not ours.
[[nodiscard]] Result<wire::Telemetry> read_telemetry_post(const net::Request& request,
                                                          wire::OtlpSignal signal,
                                                          wire::OtlpEncoding encoding);
// The answer in the encoding that was sent.
[[nodiscard]] net::Response telemetry_response(const TelemetryAnswer& answer,
                                               wire::OtlpSignal signal,
                                               wire::OtlpEncoding encoding);

}  // namespace hone::api
