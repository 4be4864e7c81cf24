// OTLP in protobuf, by field numbers (opentelemetry-proto 1.x: common/v1, resource/v1, logs/v1,
// trace/v1, collector/…/v1; google/rpc/status.proto). A field of a known number and another type
// than the schema's is passed over as an unknown one.
#include <cmath>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "base/hash.h"
#include "wire/otlp_builder.h"

namespace hone::wire {
namespace {

using OtlpReader = protozero::pbf_reader;
using OtlpType = protozero::pbf_wire_type;

constexpr std::uint32_t bytes_field(std::uint32_t number) {
  return protozero::tag_and_type(number, OtlpType::length_delimited);
}
constexpr std::uint32_t fixed64_field(std::uint32_t number) {
  return protozero::tag_and_type(number, OtlpType::fixed64);
}
constexpr std::uint32_t varint_field(std::uint32_t number) {
  return protozero::tag_and_type(number, OtlpType::varint);
}

std::string_view otlp_text(OtlpReader& in) {
  const auto view = in.get_view();
  return {view.data(), view.size()};
}

json::value finite_value(double value) {
  return std::isfinite(value) ? json::value(value) : json::value();
}

class OtlpProtobuf {
 public:
  explicit OtlpProtobuf(TelemetryBuilder& out) : out_(out) {}

  void request(OtlpSignal signal, OtlpReader in) {
    while (more(in)) {
      if (in.tag_and_type() == bytes_field(1)) {
        of_resource(signal, in.get_message());
      } else {
        in.skip();
      }
    }
  }

 private:
  [[nodiscard]] bool more(OtlpReader& in) const { return out_.ok() && in.next(); }

  // ResourceLogs and ResourceSpans are laid out alike. The resource may stand behind its records.
  void of_resource(OtlpSignal signal, OtlpReader in) {
    if (!out_.begin_resource()) return;
    const std::size_t resource = out_.telemetry.resources.size() - 1;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case bytes_field(1):
          out_.telemetry.resources[resource] = object(in.get_message());
          break;
        case bytes_field(2):
          of_scope(signal, in.get_message());
          break;
        default:
          in.skip();
      }
    }
  }

  void of_scope(OtlpSignal signal, OtlpReader in) {
    if (!out_.begin_scope()) return;
    const std::size_t origin = out_.telemetry.origins.size() - 1;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case bytes_field(1):
          out_.telemetry.origins[origin].scope = scope_name(in.get_message());
          break;
        case bytes_field(2):
          signal == OtlpSignal::kLogs ? log_record(origin, in.get_message())
                                      : span(origin, in.get_message());
          break;
        default:
          in.skip();
      }
    }
  }

  std::string scope_name(OtlpReader in) const {
    std::string name;
    while (more(in)) {
      if (in.tag_and_type() == bytes_field(1)) {
        name = otlp_text(in);
      } else {
        in.skip();
      }
    }
    return name;
  }

  void log_record(std::size_t origin, OtlpReader in) {
    if (!out_.begin_record()) return;
    TelemetryEvent& record = out_.telemetry.events.emplace_back();
    record.origin = origin;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case fixed64_field(1):
          record.time_ns = in.get_fixed64();
          break;
        case bytes_field(5):
          record.body = value(in.get_message(), 0);
          break;
        case bytes_field(6):
          attribute(record.attributes, in.get_message());
          break;
        case bytes_field(10):
          record.span_id = id("span_id", in, 8);
          break;
        case fixed64_field(11):
          record.observed_ns = in.get_fixed64();
          break;
        case bytes_field(12):
          record.name = otlp_text(in);
          break;
        default:
          in.skip();
      }
    }
  }

  void span(std::size_t origin, OtlpReader in) {
    if (!out_.begin_record()) return;
    TelemetrySpan& span = out_.telemetry.spans.emplace_back();
    span.origin = origin;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case bytes_field(1):
          span.trace_id = id("trace_id", in, 16);
          break;
        case bytes_field(2):
          span.span_id = id("span_id", in, 8);
          break;
        case bytes_field(4):
          span.parent_id = id("parent_span_id", in, 8);
          break;
        case bytes_field(5):
          span.name = otlp_text(in);
          break;
        case fixed64_field(7):
          span.start_ns = in.get_fixed64();
          break;
        case fixed64_field(8):
          span.end_ns = in.get_fixed64();
          break;
        case bytes_field(9):
          attribute(span.attributes, in.get_message());
          break;
        case bytes_field(11):
          span_event(span, in.get_message());
          break;
        default:
          in.skip();
      }
    }
  }

  void span_event(TelemetrySpan& span, OtlpReader in) {
    if (!out_.begin_record()) return;
    TelemetryEvent& event = span.events.emplace_back();
    event.origin = span.origin;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case fixed64_field(1):
          event.time_ns = in.get_fixed64();
          break;
        case bytes_field(2):
          event.name = otlp_text(in);
          break;
        case bytes_field(3):
          attribute(event.attributes, in.get_message());
          break;
        default:
          in.skip();
      }
    }
  }

  std::string id(std::string_view field, OtlpReader& in, std::size_t bytes) {
    return out_.id(field, hex(otlp_text(in).substr(0, bytes + 1)), bytes);
  }

  // A KeyValue, into the object that it is in.
  void attribute(json::object& attributes, OtlpReader in, std::size_t depth = 0) {
    std::string_view key;
    json::value read;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case bytes_field(1):
          key = otlp_text(in);
          break;
        case bytes_field(2):
          read = value(in.get_message(), depth);
          break;
        default:
          in.skip();
      }
    }
    out_.set(attributes, key, std::move(read));
  }

  // An AnyValue: of several fields the last counts, as protobuf has it for a oneof.
  json::value value(OtlpReader in, std::size_t depth) {
    json::value read;
    if (!out_.begin_value(depth)) return read;
    while (more(in)) {
      switch (in.tag_and_type()) {
        case bytes_field(1):
          read = json::string(otlp_text(in));
          break;
        case varint_field(2):
          read = in.get_uint64() != 0;
          break;
        case varint_field(3):
          read = in.get_int64();
          break;
        case fixed64_field(4):
          read = finite_value(in.get_double());
          break;
        case bytes_field(5):
          read = array(in.get_message(), depth + 1);
          break;
        case bytes_field(6):
          read = object(in.get_message(), depth + 1);
          break;
        case bytes_field(7):
          read = nullptr;
          in.skip();
          break;
        default:
          in.skip();
      }
    }
    return read;
  }

  json::array array(OtlpReader in, std::size_t depth) {
    json::array items;
    while (more(in)) {
      if (in.tag_and_type() == bytes_field(1)) {
        items.push_back(value(in.get_message(), depth));
      } else {
        in.skip();
      }
    }
    return items;
  }

  // A KeyValueList; a Resource has its attributes in the same place.
  json::object object(OtlpReader in, std::size_t depth = 0) {
    json::object members;
    while (more(in)) {
      if (in.tag_and_type() == bytes_field(1)) {
        attribute(members, in.get_message(), depth);
      } else {
        in.skip();
      }
    }
    return members;
  }

  TelemetryBuilder& out_;
};

}  // namespace

void read_otlp_protobuf(OtlpSignal signal, std::string_view body, TelemetryBuilder& builder) {
  try {
    OtlpProtobuf(builder).request(signal, OtlpReader(body.data(), body.size()));
  } catch (const protozero::exception& e) {
    builder.refuse(ErrorCode::kInvalid, std::string("not valid protobuf: ") + e.what());
  }
}

std::string protobuf_response(std::int64_t rejected, std::string_view message) {
  std::string bytes;
  if (rejected == 0) return bytes;
  protozero::pbf_writer response(bytes);
  protozero::pbf_writer partial(response, 1);
  partial.add_int64(1, rejected);
  partial.add_string(2, message.data(), message.size());
  partial.commit();
  return bytes;
}

std::string protobuf_status(int code, std::string_view message) {
  std::string bytes;
  protozero::pbf_writer status(bytes);
  status.add_int32(1, code);
  status.add_string(2, message.data(), message.size());
  return bytes;
}

}  // namespace hone::wire
