// What each tool's event says, by its name: decisions on tool calls and edits
// (telemetry_tools.cpp), ratings (telemetry_ratings.cpp). Used inside this folder only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "feedback/tool_fact.h"
#include "store/records.h"

namespace hone::feedback {

// An event, or a span as if it were one, with what stands around it. A field is looked for in its
// own attributes, in its body (where conventions before 1.37 have it), and in the span's that it is
// on; of those only what is short, as ids, names and numbers are: a span may have thousands of
// events, each of which would have its long texts again.
struct TelemetryView {
  std::string name;  // with the tool's prefix
  const json::object* own = nullptr;
  const json::object* body = nullptr;
  const json::object* span = nullptr;
  const json::object* resource = nullptr;
  std::string_view tool_call = {};  // of the span above a span
  Time at{};                        // as told; Time{}: not

  [[nodiscard]] const json::value* find(std::string_view field) const;
  [[nodiscard]] std::string_view text(std::string_view field) const;  // "" where it is no string
  [[nodiscard]] std::optional<double> number(std::string_view field) const;
  [[nodiscard]] std::optional<bool> truth(std::string_view field) const;
  [[nodiscard]] std::string when() const { return std::to_string(to_millis(at)); }
};

enum class Heard { kSignal, kNothing, kUnknown, kWithoutHandle, kWithoutValue, kRejected };

struct Told {
  Heard heard = Heard::kNothing;
  std::string problem = {};  // rejected: why
  ToolFact fact = {};
};

// The parts they are made of. `told_by` notes where the signal comes from; `told_about` says of
// which answer it is, and what tells it apart from others of its kind about that.
[[nodiscard]] Told told_by(std::string tool, const TelemetryView& event);
[[nodiscard]] Told told_about(Told told, store::Handle about, std::string part);
void add_label(Told& told, std::string_view name, std::string_view word);
[[nodiscard]] Told rejected_event(std::string problem);
[[nodiscard]] Told rejected_value(std::string_view field, std::string_view value,
                                  std::string_view known);

[[nodiscard]] Told read_evaluation(const TelemetryView& event);
[[nodiscard]] std::vector<Told> read_annotations(const TelemetryView& span);

[[nodiscard]] Told read_event(const TelemetryView& event);
// A span's own signals; empty where it has none.
[[nodiscard]] std::vector<Told> read_span(const TelemetryView& span);

}  // namespace hone::feedback
