// OpenTelemetry's protocol (OTLP 1.x over HTTP: opentelemetry.io/docs/specs/otlp) as tools send it,
// in protobuf and in JSON, read into one neutral form: what was told (log records, spans and the
// events on them), with its attributes and who told it. What nobody here asks for (severities,
// links, dropped counts, metrics) is passed over, and so are fields that we do not know.
//
//   auto telemetry = read_otlp(OtlpSignal::kLogs, OtlpEncoding::kProtobuf, body);
//   for (const TelemetryEvent& event : telemetry->events) …
//   return otlp_response(OtlpSignal::kLogs, OtlpEncoding::kProtobuf, rejected, "record 3: …");
//
// Everything is bounded, and read on the stack no deeper than OtlpLimits says. Both encodings of
// the same request give the same. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::wire {

enum class OtlpSignal { kLogs, kTraces, kMetrics };
enum class OtlpEncoding { kProtobuf, kJson };

struct OtlpLimits {
  std::size_t size_bytes = 16U << 20;  // without a content coding
  std::size_t depth = 12;              // of values in values
  std::size_t records = 20'000;        // log records, spans and events on spans together; scopes
  std::size_t attributes = 512;        // of one record, span, event or resource
  std::size_t values = 400'000;        // all of them, and what is in them
};

// Attributes are JSON: int64 and double as they are, lists as arrays, key-value lists as objects.
// Bytes, numbers that are not finite and absent values are null. Of a key that is there twice the
// last counts. Text from protobuf need not be UTF-8.
struct TelemetryOrigin {
  std::size_t resource = 0;
  std::string scope;  // name of the instrumentation
};

// A log record, or an event on a span.
struct TelemetryEvent {
  std::size_t origin = 0;
  std::string name;           // the field's; many tools put theirs into the attribute "event.name"
  std::uint64_t time_ns = 0;  // since 1970; 0: not given
  std::uint64_t observed_ns = 0;
  json::value body;
  json::object attributes;
  std::string span_id;  // hex
};

struct TelemetrySpan {
  std::size_t origin = 0;
  std::string trace_id;  // this and the next two in hex
  std::string span_id;
  std::string parent_id;
  std::string name;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  json::object attributes;
  std::vector<TelemetryEvent> events;
};

struct Telemetry {
  std::vector<json::object> resources;
  std::vector<TelemetryOrigin> origins;
  std::vector<TelemetryEvent> events;  // log records
  std::vector<TelemetrySpan> spans;
};

// kInvalid names the field, or the record near which the bytes make no sense; kTooLarge the limit.
// Metrics are empty whatever the body is.
[[nodiscard]] Result<Telemetry> read_otlp(OtlpSignal signal, OtlpEncoding encoding,
                                          std::string_view body, const OtlpLimits& limits = {});

// An Export…ServiceResponse; with its partial_success where something was rejected.
[[nodiscard]] std::string otlp_response(OtlpSignal signal, OtlpEncoding encoding,
                                        std::int64_t rejected, std::string_view message);
// What stands in an answer that is no success: google.rpc.Status.
[[nodiscard]] std::string otlp_error(OtlpEncoding encoding, const Error& error);

}  // namespace hone::wire
