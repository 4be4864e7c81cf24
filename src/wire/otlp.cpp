// The limits, OTLP in JSON (protobuf's JSON mapping, but for ids, which are hex), and the answers.
#include "wire/otlp.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.h"
#include "wire/otlp_builder.h"

namespace hone::wire {

bool TelemetryBuilder::begin_resource() {
  if (telemetry.resources.size() >= limits_.records) {
    return refuse(ErrorCode::kTooLarge,
                  "more than " + std::to_string(limits_.records) + " resources in one request");
  }
  telemetry.resources.emplace_back();
  return ok();
}

bool TelemetryBuilder::begin_scope() {
  if (telemetry.origins.size() >= limits_.records) {
    return refuse(ErrorCode::kTooLarge,
                  "more than " + std::to_string(limits_.records) + " scopes in one request");
  }
  telemetry.origins.push_back({telemetry.resources.size() - 1, ""});
  return ok();
}

bool TelemetryBuilder::begin_record() {
  if (records_ == limits_.records) {
    return refuse(ErrorCode::kTooLarge, "more than " + std::to_string(limits_.records) +
                                            " records in one request: send fewer at once");
  }
  ++records_;
  return ok();
}

bool TelemetryBuilder::begin_value(std::size_t depth) {
  if (depth >= limits_.depth) {
    return refuse(ErrorCode::kTooLarge,
                  "values nested deeper than " + std::to_string(limits_.depth) + " levels");
  }
  if (values_ == limits_.values) {
    return refuse(ErrorCode::kTooLarge, "more than " + std::to_string(limits_.values) +
                                            " values in one request: send fewer records at once");
  }
  ++values_;
  return ok();
}

bool TelemetryBuilder::set(json::object& attributes, std::string_view key, json::value value) {
  if (!ok()) return false;
  if (attributes.size() >= limits_.attributes && !attributes.contains(key)) {
    return refuse(ErrorCode::kTooLarge,
                  "more than " + std::to_string(limits_.attributes) + " attributes of one thing");
  }
  attributes[key] = std::move(value);
  return true;
}

bool TelemetryBuilder::refuse(ErrorCode code, std::string message) {
  if (!ok()) return false;
  const std::string place =
      records_ == 0 ? "before the first record" : "record " + std::to_string(records_);
  problem_ = fail(Error{code, std::move(message)}.with(place));
  return false;
}

std::string TelemetryBuilder::id(std::string_view field, std::string_view hex, std::size_t bytes) {
  std::string id = lower_case(hex);
  bool zero = true;
  bool digits = true;
  for (const char c : id) {
    digits = digits && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    zero = zero && c == '0';
  }
  if (id.empty()) return id;
  if (!digits || id.size() != 2 * bytes) {
    refuse(ErrorCode::kInvalid, "field '" + std::string(field) + "' must be an id of " +
                                    std::to_string(bytes) + " bytes, in JSON " +
                                    std::to_string(2 * bytes) + " hexadecimal digits");
    return {};
  }
  return zero ? std::string() : id;
}

Result<Telemetry> TelemetryBuilder::finish() {
  if (!problem_) return fail(problem_.error());
  return std::move(telemetry);
}

namespace {

constexpr std::size_t kJsonDepth = 96;  // five levels for each of a value's

// Where the field stands under its lowerCamelCase name or the schema's own.
const json::value* find_either(const json::object& object, std::string_view camel) {
  const json::value* value = object.if_contains(camel);
  if (value == nullptr) {
    std::string snake;
    for (const char c : camel) {
      const bool large = c >= 'A' && c <= 'Z';
      if (large) snake += '_';
      snake += to_lower(c);
    }
    if (snake != camel) value = object.if_contains(snake);
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

// The whole of `text` as a number, or nothing.
template <typename T>
std::optional<T> whole_number(std::string_view text) {
  T number{};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

// A whole number as a string or a number, or nothing.
template <typename T>
std::optional<T> whole_number_in(const json::value& given) {
  if (const auto* string = given.if_string()) return whole_number<T>(*string);
  if (!given.is_number()) return std::nullopt;
  boost::system::error_code failed;
  const T number = given.to_number<T>(failed);
  return failed ? std::nullopt : std::optional<T>(number);
}

class OtlpJson {
 public:
  explicit OtlpJson(TelemetryBuilder& out) : out_(out) {}

  void request(OtlpSignal signal, const json::object& root) {
    const bool logs = signal == OtlpSignal::kLogs;
    const char* scopes = logs ? "scopeLogs" : "scopeSpans";
    const char* records = logs ? "logRecords" : "spans";
    each(root, logs ? "resourceLogs" : "resourceSpans", [&](const json::object& resource) {
      if (!out_.begin_resource()) return;
      if (const auto* about = object(resource, "resource")) {
        attributes(*about, out_.telemetry.resources.back());
      }
      each(resource, scopes, [&](const json::object& scope) {
        if (!out_.begin_scope()) return;
        if (const auto* about = object(scope, "scope")) {
          out_.telemetry.origins.back().scope = text(*about, "name");
        }
        each(scope, records, [&](const json::object& record) {
          if (!out_.begin_record()) return;
          logs ? log_record(record) : span(record);
        });
      });
    });
  }

 private:
  void log_record(const json::object& from) {
    TelemetryEvent& record = out_.telemetry.events.emplace_back();
    record.origin = out_.telemetry.origins.size() - 1;
    record.time_ns = nanoseconds(from, "timeUnixNano");
    record.observed_ns = nanoseconds(from, "observedTimeUnixNano");
    record.name = text(from, "eventName");
    record.span_id = id(from, "spanId", 8);
    if (const auto* body = find_either(from, "body")) record.body = any(*body, "body", 0);
    attributes(from, record.attributes);
  }

  void span(const json::object& from) {
    TelemetrySpan& span = out_.telemetry.spans.emplace_back();
    span.origin = out_.telemetry.origins.size() - 1;
    span.trace_id = id(from, "traceId", 16);
    span.span_id = id(from, "spanId", 8);
    span.parent_id = id(from, "parentSpanId", 8);
    span.name = text(from, "name");
    span.start_ns = nanoseconds(from, "startTimeUnixNano");
    span.end_ns = nanoseconds(from, "endTimeUnixNano");
    attributes(from, span.attributes);
    each(from, "events", [&](const json::object& told) {
      if (!out_.begin_record()) return;
      TelemetryEvent& event = span.events.emplace_back();
      event.origin = span.origin;
      event.time_ns = nanoseconds(told, "timeUnixNano");
      event.name = text(told, "name");
      attributes(told, event.attributes);
    });
  }

  void attributes(const json::object& from, json::object& into) {
    each(from, "attributes", [&](const json::object& pair) { member(pair, into, 0); });
  }

  // A KeyValue.
  void member(const json::object& pair, json::object& into, std::size_t depth) {
    const std::string key = text(pair, "key");
    const auto* given = find_either(pair, "value");
    json::value read = given == nullptr ? json::value() : any(*given, key, depth);
    out_.set(into, key, std::move(read));
  }

  // An AnyValue.
  json::value any(const json::value& given, std::string_view name, std::size_t depth) {
    if (!out_.begin_value(depth)) return nullptr;
    const auto* value = given.if_object();
    if (value == nullptr) return wrong(name, "an object such as {\"stringValue\": …}");
    if (const auto* string = find_either(*value, "stringValue")) {
      return string->is_string() ? *string : wrong("stringValue", "a string");
    }
    if (const auto* truth = find_either(*value, "boolValue")) {
      return truth->is_bool() ? *truth : wrong("boolValue", "true or false");
    }
    if (const auto* whole = find_either(*value, "intValue")) return whole_value(*whole);
    if (const auto* real = find_either(*value, "doubleValue")) return real_value(*real);
    if (const auto* list = object(*value, "arrayValue")) {
      json::array items;
      each_value(*list, "values",
                 [&](const json::value& item) { items.push_back(any(item, "values", depth + 1)); });
      return items;
    }
    if (const auto* list = object(*value, "kvlistValue")) {
      json::object members;
      each(*list, "values", [&](const json::object& pair) { member(pair, members, depth + 1); });
      return members;
    }
    return nullptr;  // none, or bytes
  }

  json::value whole_value(const json::value& given) {
    if (const auto number = whole_number_in<std::int64_t>(given)) return *number;
    return wrong("intValue", "a whole number of 64 bits, as a string or a number");
  }

  json::value real_value(const json::value& given) {
    double number = 0;
    if (given.is_number()) {
      number = given.to_number<double>();
    } else if (const auto* string = given.if_string()) {
      if (*string == "NaN" || *string == "Infinity" || *string == "-Infinity") return nullptr;
      const auto read = whole_number<double>(*string);
      if (!read) return wrong("doubleValue", "a number");
      number = *read;
    } else {
      return wrong("doubleValue", "a number");
    }
    return std::isfinite(number) ? json::value(number) : json::value();
  }

  std::uint64_t nanoseconds(const json::object& from, std::string_view name) {
    const auto* given = find_either(from, name);
    if (given == nullptr) return 0;
    if (const auto number = whole_number_in<std::uint64_t>(*given)) return *number;
    wrong(name, "nanoseconds since 1970, as a string or a number");
    return 0;
  }

  std::string id(const json::object& from, std::string_view name, std::size_t bytes) {
    return out_.id(name, text(from, name), bytes);
  }

  std::string text(const json::object& from, std::string_view name) {
    const auto* given = find_either(from, name);
    if (given == nullptr) return {};
    if (const auto* string = given->if_string()) return std::string(*string);
    wrong(name, "a string");
    return {};
  }

  const json::object* object(const json::object& from, std::string_view name) {
    const auto* given = find_either(from, name);
    if (given == nullptr) return nullptr;
    const auto* found = given->if_object();
    if (found == nullptr) wrong(name, "an object");
    return found;
  }

  template <typename Step>
  void each_value(const json::object& from, std::string_view name, Step step) {
    const auto* given = find_either(from, name);
    if (given == nullptr) return;
    const auto* items = given->if_array();
    if (items == nullptr) {
      wrong(name, "an array");
      return;
    }
    for (const json::value& item : *items) {
      if (!out_.ok()) return;
      step(item);
    }
  }

  template <typename Step>
  void each(const json::object& from, std::string_view name, Step step) {
    each_value(from, name, [&](const json::value& item) {
      const auto* found = item.if_object();
      if (found == nullptr) {
        wrong(name, "an array of objects");
        return;
      }
      step(*found);
    });
  }

  json::value wrong(std::string_view name, std::string_view wanted) {
    out_.refuse(ErrorCode::kInvalid,
                "field '" + std::string(name.substr(0, 64)) + "' must be " + std::string(wanted));
    return nullptr;
  }

  TelemetryBuilder& out_;
};

std::string_view rejected_field(OtlpSignal signal) {
  switch (signal) {
    case OtlpSignal::kLogs:
      return "rejectedLogRecords";
    case OtlpSignal::kTraces:
      return "rejectedSpans";
    case OtlpSignal::kMetrics:
      break;
  }
  return "rejectedDataPoints";
}

// google.rpc.Code.
int rpc_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kCorrupt:
      return 3;
    case ErrorCode::kTimeout:
      return 4;
    case ErrorCode::kNotFound:
      return 5;
    case ErrorCode::kConflict:
      return 6;
    case ErrorCode::kDenied:
      return 7;
    case ErrorCode::kTooLarge:
      return 8;
    case ErrorCode::kUnavailable:
      return 14;
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      break;
  }
  return 13;
}

}  // namespace

Result<Telemetry> read_otlp(OtlpSignal signal, OtlpEncoding encoding, std::string_view body,
                            const OtlpLimits& limits) {
  if (signal == OtlpSignal::kMetrics) return Telemetry{};
  if (body.size() > limits.size_bytes) {
    return fail(ErrorCode::kTooLarge, "a request of " + std::to_string(body.size()) +
                                          " bytes is over the limit of " +
                                          std::to_string(limits.size_bytes));
  }
  TelemetryBuilder builder(limits);
  if (encoding == OtlpEncoding::kProtobuf) {
    read_otlp_protobuf(signal, body, builder);
    return builder.finish();
  }
  const auto root = parse_json_object(body, {.size_bytes = limits.size_bytes, .depth = kJsonDepth});
  if (!root) return fail(root.error());
  OtlpJson(builder).request(signal, *root);
  return builder.finish();
}

std::string otlp_response(OtlpSignal signal, OtlpEncoding encoding, std::int64_t rejected,
                          std::string_view message) {
  if (encoding == OtlpEncoding::kProtobuf) return protobuf_response(rejected, message);
  if (rejected == 0) return "{}";
  const json::object partial = {{rejected_field(signal), std::to_string(rejected)},
                                {"errorMessage", message}};
  return json::serialize(json::object{{"partialSuccess", partial}});
}

std::string otlp_error(OtlpEncoding encoding, const Error& error) {
  const int code = rpc_code(error.code);
  if (encoding == OtlpEncoding::kProtobuf) return protobuf_status(code, error.message);
  return json::serialize(json::object{{"code", code}, {"message", error.message}});
}

}  // namespace hone::wire
