// What both encodings of OTLP fill (wire/otlp.h): the telemetry as far as it is read, what was
// counted against the limits, and the first problem, after which nothing more is read. Used inside
// this folder only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "wire/otlp.h"

namespace hone::wire {

class TelemetryBuilder {
 public:
  explicit TelemetryBuilder(const OtlpLimits& limits) : limits_(limits) {}

  // These give ok().
  bool begin_resource();
  bool begin_scope();                   // of the last resource
  bool begin_record();                  // a log record, a span or an event on one
  bool begin_value(std::size_t depth);  // 0: not in another value
  bool set(json::object& attributes, std::string_view key, json::value value);
  bool refuse(ErrorCode code, std::string message);

  // `hex` as it is, in small letters; "" and a refusal where it is no id of so many bytes. None at
  // all is "", as zeros are.
  [[nodiscard]] std::string id(std::string_view field, std::string_view hex, std::size_t bytes);

  [[nodiscard]] bool ok() const { return problem_.has_value(); }
  [[nodiscard]] Result<Telemetry> finish();

  Telemetry telemetry;

 private:
  const OtlpLimits& limits_;
  std::size_t records_ = 0;
  std::size_t values_ = 0;
  Result<void> problem_;
};

void read_otlp_protobuf(OtlpSignal signal, std::string_view body, TelemetryBuilder& builder);
[[nodiscard]] std::string protobuf_response(std::int64_t rejected, std::string_view message);
[[nodiscard]] std::string protobuf_status(int code, std::string_view message);

}  // namespace hone::wire
