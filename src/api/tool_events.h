// What tools tell by themselves, without an SDK of ours: Claude Code's hooks (POST
// /v1/hooks/claude-code), Continue's data events (/v1/events/continue) and Tabby's (/v1/events).
// The parts of Api::answer_tool_event.
//
// A tool never waits for us and never breaks because of us: a hook of a caller we know is answered
// 200 and {}, whatever is in it and whatever becomes of it, before anything is synced; so an answer
// acknowledges nothing. What could not be read is counted, and named in the log once a minute.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/metrics.h"
#include "base/clock.h"
#include "capture/importer.h"
#include "feedback/claude_hooks.h"
#include "feedback/editor_events.h"
#include "people/directory.h"
#include "store/records.h"

namespace hone::api {

enum class ToolEvent { kClaudeHook, kContinue, kTabby };

[[nodiscard]] std::optional<ToolEvent> find_tool_event(std::string_view path);

// For /metrics.
struct ToolEventCounters {
  std::atomic<std::uint64_t> signals = 0;    // events that said something of an answer …
  std::atomic<std::uint64_t> silent = 0;     // … nothing
  std::atomic<std::uint64_t> unknown = 0;    // of a kind that is not known
  std::atomic<std::uint64_t> malformed = 0;  // or too large
  std::atomic<std::uint64_t> dropped = 0;    // the queue or the outbox was full
  std::atomic<std::int64_t> last_named{0};   // when a problem was last logged, in ms
};

void measure_tool_events(MetricsText& text, const ToolEventCounters& counters);

// Of an event: facts about calls that have a handle, or a call that it holds whole.
[[nodiscard]] Result<feedback::EditorEvent> read_tool_event(ToolEvent kind, std::string_view body,
                                                            const people::Caller& caller,
                                                            feedback::ClaudeHooks& hooks, Time now);

// "hook:claude-code/KEY", "event:tabby/KEY": nobody speaks in another's name.
[[nodiscard]] std::string tool_event_source(ToolEvent kind, const people::Caller& caller);

// The facts as records, their texts redacted; `with_content`: or else left out.
[[nodiscard]] Result<std::vector<store::Feedback>> redacted_facts(
    std::vector<feedback::ToolFact> facts, const std::string& source, const people::Caller& caller,
    bool with_content, const privacy::Redactor& redactor, Time now);

// The call that an event holds, and what is said of it, by the way of imports. `known` tells what
// the store has already.
[[nodiscard]] Result<void> write_suggestion(const feedback::Suggestion& suggestion,
                                            const people::Caller& caller,
                                            const capture::ImportParts& parts,
                                            capture::KnownInteraction known, store::Outbox& outbox);

}  // namespace hone::api
