// What tools' own telemetry says about answers: the events of Claude Code, Codex, Gemini CLI and
// VS Code's Copilot Chat, evaluations by the GenAI conventions (today's, and those before 1.37),
// and OpenInference's annotations, as feedback. Which event says what is in docs/formats/otlp.md;
// the rules are telemetry_tools.cpp.
//
//   const auto heard = read_telemetry(telemetry, now);
//   for (const ToolFact& fact : heard.facts) …   // redact its texts, then
//   keep(to_feedback(fact, "otlp:" + caller.key_id, caller.person, now));
//
// Pure: the same telemetry gives the same facts, each once, and a fact has the same name in
// whichever event, however often and by whichever other way it is told (feedback/tool_fact.h), so
// that telemetry which is sent again adds nothing. Nothing an event does not say is made up: who
// decided is part of every signal, and an approval by a setting, a hook or an earlier answer is
// `automatic`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "feedback/tool_fact.h"
#include "wire/otlp.h"

namespace hone::feedback {

// Each event counts once, in one of these but the last.
struct TelemetryCounts {
  std::size_t signals = 0;
  std::size_t repeated = 0;        // told a fact that another event of the request had told
  std::size_t nothing = 0;         // known, and says nothing about an answer
  std::size_t unknown = 0;         // not known: of another tool, or of a newer one
  std::size_t without_handle = 0;  // a signal that does not say of which answer
  std::size_t without_value = 0;   // an evaluation whose score is neither 0 to 1 nor a known word
  std::size_t rejected = 0;        // of a known name, and not as its tool writes it
  std::size_t wrong_clocks = 0;    // signals with a time that cannot be: that of arrival is kept
};

struct TelemetryHeard {
  std::vector<ToolFact> facts;
  TelemetryCounts counts;
  std::string problem;  // the first that was rejected: which, and why
};

[[nodiscard]] TelemetryHeard read_telemetry(const wire::Telemetry& telemetry, Time now);

}  // namespace hone::feedback
