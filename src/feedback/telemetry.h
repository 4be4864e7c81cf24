// What tools' own telemetry says about answers: the events of Claude Code, Codex, Gemini CLI and
// VS Code's Copilot Chat, evaluations by the GenAI conventions (today's, and those before 1.37),
// and OpenInference's annotations, as feedback. Which event says what is in docs/formats/otlp.md;
// the rules are telemetry_tools.cpp.
//
//   const auto heard = read_telemetry(telemetry, {.key = caller.key_id, .person = …, .now = …});
//   for (const store::Feedback& signal : heard.feedback) …
//
// Pure: the same telemetry gives the same feedback. A fact has the same id and idempotency key
// however often and in whichever event it is told, so that telemetry which is sent again adds
// nothing. Nothing an event does not say is made up: who decided is part of every signal, and an
// approval by a setting, a hook or an earlier answer is `automatic`. Texts are not redacted yet.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/records.h"
#include "wire/otlp.h"

namespace hone::feedback {

struct TelemetryContext {
  std::string key;     // id of the key that the telemetry came with: facts are told apart by it
  std::string person;  // whose key that is
  Time now{};
};

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
  std::vector<store::Feedback> feedback;
  TelemetryCounts counts;
  std::string problem;  // the first that was rejected: which, and why
};

[[nodiscard]] TelemetryHeard read_telemetry(const wire::Telemetry& telemetry,
                                            const TelemetryContext& context);

}  // namespace hone::feedback
