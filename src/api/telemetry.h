// Telemetry in, OTLP over HTTP: POST /v1/logs, /v1/traces and /v1/metrics in protobuf or JSON
// (docs/formats/otlp.md). What it says about answers becomes feedback; metrics are answered and not
// read. The parts of Api::answer_telemetry.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/metrics.h"
#include "feedback/telemetry.h"
#include "net/http.h"
#include "wire/otlp.h"

namespace hone::api {

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
// An answer in the encoding that was sent.
[[nodiscard]] net::Response telemetry_response(int status, wire::OtlpEncoding encoding,
                                               std::string body);
[[nodiscard]] net::Response telemetry_refusal(int status, wire::OtlpEncoding encoding,
                                              const Error& error);

}  // namespace hone::api
