// Telemetry of tools, in both encodings, and the facts that it tells.
#include "feedback/telemetry.h"
#include "fuzz/targets.h"
#include "wire/otlp.h"

namespace hone::fuzz {
namespace {

constexpr Time kFuzzNow{std::chrono::milliseconds(1'800'000'000'000)};

std::size_t events_in(const wire::Telemetry& telemetry) {
  std::size_t all = telemetry.events.size() + telemetry.spans.size();
  for (const auto& span : telemetry.spans) all += span.events.size();
  return all;
}

void hear(wire::OtlpSignal signal, wire::OtlpEncoding encoding, std::string_view bytes) {
  const wire::OtlpLimits limits{.records = 1000, .attributes = 100, .values = 5000};
  const auto telemetry = wire::read_otlp(signal, encoding, bytes, limits);
  if (!telemetry) {
    must(!telemetry.error().message.empty(), "a refusal that says nothing");
    return;
  }
  must(events_in(*telemetry) <= limits.records, "more records than the limit");
  for (const auto& event : telemetry->events) {
    must(event.origin < telemetry->origins.size(), "an event of nobody");
    must(event.attributes.size() <= limits.attributes, "more attributes than the limit");
  }
  const auto heard = feedback::read_telemetry(*telemetry, kFuzzNow);
  must(heard.counts.signals == heard.facts.size(), "facts that are not counted");
  must(heard.counts.rejected == 0 || !heard.problem.empty(), "a rejection without its reason");
  for (const auto& fact : heard.facts) {
    // What is kept can be read again, whatever bytes it came of.
    const auto kept = feedback::to_feedback(fact, "otlp:key", "", kFuzzNow);
    const auto again = store::read_feedback(store::to_payload(kept));
    must(again && again->id == kept.id, "a fact that does not come back from its record");
    must(fact.kind != "accepted" || !fact.by.empty(), "an acceptance by nobody");
    must(!fact.value || (*fact.value >= 0 && *fact.value <= 1), "a value beyond its scale");
  }
}

}  // namespace

void otlp_protobuf(std::string_view bytes) {
  hear(wire::OtlpSignal::kLogs, wire::OtlpEncoding::kProtobuf, bytes);
  hear(wire::OtlpSignal::kTraces, wire::OtlpEncoding::kProtobuf, bytes);
}

void otlp_json(std::string_view bytes) {
  hear(wire::OtlpSignal::kLogs, wire::OtlpEncoding::kJson, bytes);
  hear(wire::OtlpSignal::kTraces, wire::OtlpEncoding::kJson, bytes);
}

}  // namespace hone::fuzz
