// Which event says what: a function a tool's event, and the table of them at the end. Names and
// values are those of shared/recordings and of the tools' own documentation (docs/formats/otlp.md).
#include "feedback/telemetry_tools.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "store/text.h"

namespace hone::feedback {

namespace {

constexpr std::size_t kMostDetail = 256;  // bytes of one field
constexpr std::size_t kMostHandle = 512;  // as the API takes them

}  // namespace

std::string in_small_letters(std::string_view text) {
  std::string small(text.substr(0, kMostDetail));
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

void note_detail(json::object& detail, std::string_view name, std::string_view text) {
  if (!text.empty()) detail[name] = store::storable_text(text.substr(0, kMostDetail));
}

Told rejected_event(std::string problem) {
  return {.heard = Heard::kRejected, .problem = std::move(problem)};
}

Told rejected_value(std::string_view field, std::string_view value, std::string_view known) {
  return rejected_event("'" + std::string(field) + "' must be one of " + std::string(known) +
                        ", not '" + store::storable_text(value.substr(0, 64)) + "'");
}

// What all signals note: where they come from.
Told told_by(std::string tool, const TelemetryView& event) {
  Told told;
  told.heard = Heard::kSignal;
  told.tool = std::move(tool);
  note_detail(told.detail, "event", event.name);
  for (const auto* session :
       {"session.id", "conversation.id", "conversation_id", "gen_ai.conversation.id"}) {
    if (!told.detail.contains("session")) note_detail(told.detail, "session", event.text(session));
  }
  for (const auto* prompt : {"prompt.id", "prompt_id"}) {
    if (!told.detail.contains("prompt")) note_detail(told.detail, "prompt", event.text(prompt));
  }
  note_detail(told.detail, "request", event.text("request_id"));
  for (const auto* name : {"tool_name", "function_name", "gen_ai.tool.name"}) {
    if (!told.detail.contains("tool_name")) note_detail(told.detail, "tool_name", event.text(name));
  }
  note_detail(told.detail, "version", event.text("app.version"));
  if (!told.detail.contains("version") && event.resource != nullptr) {
    note_detail(told.detail, "version", string_or_empty(*event.resource, "service.version"));
  }
  return told;
}

// Says of which answer it is. A fact is named by its handle and what `parts` tell it apart by.
Told told_about(Told told, store::Handle handle, std::initializer_list<std::string_view> parts) {
  if (handle.value.empty()) return {.heard = Heard::kWithoutHandle};
  if (handle.value.size() > kMostHandle) {
    return rejected_event("the id of the answer or the tool call has over 512 bytes");
  }
  told.fact = handle.kind + "/" + handle.value;
  for (const auto part : parts) told.fact += "/" + std::string(part);
  told.handle = std::move(handle);
  return told;
}

std::string brief_digest(std::string_view text) {
  return hex(sha256(text)).substr(0, 16);
}

namespace {

constexpr double kEarlySurvival = 30'000;  // ms: what was just put in is still there

// --- Decisions on tool calls ---------------------------------------------------------------------

// One decision a call, by whom it was: whichever of a tool's events tells it.
Told decision(Told told, std::string_view call, std::string kind, std::string by) {
  told.kind = std::move(kind);
  told.by = std::move(by);
  const std::string decided = told.kind + "/" + told.by;
  return told_about(std::move(told), {"tool_call", std::string(call)}, {decided});
}

// `source`: config and hook decided without asking. The others are a person's answer to a prompt,
// but where there is no terminal: `-p` and the Agent SDK tell them again for each later call that
// an earlier answer covers.
Told claude_decision(const TelemetryView& event, std::string_view decided, std::string_view source,
                     std::string_view call) {
  const bool accepted = decided == "accept";
  if (!accepted && decided != "reject") {
    return rejected_value("decision", decided, "accept, reject");
  }
  const bool asked = event.text("terminal.type") != "non-interactive";
  std::string by;
  if (accepted) {
    const bool person = source == "user_temporary" || source == "user_permanent";
    by = person && asked ? "person" : "automatic";
  } else if (source == "user_reject" || source == "user_abort") {
    by = asked ? "person" : "unknown";
  } else {
    by = source == "config" || source == "hook" ? "policy" : "unknown";
  }
  Told told = told_by("claude-code", event);
  note_detail(told.detail, "decided", source);
  note_detail(told.detail, "permission_mode", event.text("permission_mode"));
  return decision(std::move(told), call, accepted ? "accepted" : "rejected", std::move(by));
}

Told claude_tool_decision(const TelemetryView& event) {
  return claude_decision(event, event.text("decision"), event.text("source"),
                         event.text("tool_use_id"));
}

// Tells the decision once more, where one was asked for; older versions under other names.
Told claude_tool_result(const TelemetryView& event) {
  const bool newer = !event.text("decision_type").empty();
  const std::string_view decided = event.text(newer ? "decision_type" : "decision");
  if (decided.empty()) return {};
  return claude_decision(event, decided, event.text(newer ? "decision_source" : "source"),
                         event.text("tool_use_id"));
}

// The span of the time that a call waited for leave; the call's own id is on the span above it.
Told claude_blocked_on_user(const TelemetryView& span) {
  if (span.text("decision").empty()) return {};
  return claude_decision(span, span.text("decision"), span.text("source"), span.tool_call);
}

// "How is Claude doing this session?" rates no one answer: it is kept, and weighs nothing.
Told claude_survey(const TelemetryView& event) {
  if (event.text("event_type") != "responded") return {};
  const std::string response = in_small_letters(event.text("response"));
  constexpr std::array<std::pair<std::string_view, double>, 3> kAnswers = {
      {{"bad", 0}, {"fine", 0.5}, {"good", 1}}};
  const auto* found = std::ranges::find(kAnswers, response, [](auto& one) { return one.first; });
  if (found == kAnswers.end()) return {};
  Told told = told_by("claude-code", event);
  told.kind = "comment";
  told.by = "person";
  told.value = found->second;
  told.comment = "the session was rated " + response;
  const std::string survey = "survey/" + brief_digest(event.text("appearance_id"));
  return told_about(std::move(told), {"session", std::string(event.text("session.id"))}, {survey});
}

// `approved_for_session` is told of the answer itself and again of each later call that it covers:
// nothing tells them apart, so none is a person's.
Told codex_tool_decision(const TelemetryView& event) {
  const std::string decided = in_small_letters(event.text("decision"));
  const std::string source = in_small_letters(event.text("source"));
  const bool accepted = decided.starts_with("approved");
  const bool refused = decided.starts_with("denied") || decided.starts_with("abort");
  if (decided.starts_with("timed_out") || decided.starts_with("network_policy")) return {};
  if (!accepted && !refused) return rejected_value("decision", decided, "approved…, denied, abort");
  const bool person = source == "user";
  std::string by;
  if (accepted) {
    by = person && decided != "approved_for_session" ? "person" : "automatic";
  } else if (person) {
    by = "person";
  } else if (source == "config") {
    by = "policy";
  } else {
    by = source == "automatedreviewer" ? "agent" : "unknown";
  }
  Told told = told_by("codex", event);
  note_detail(told.detail, "decided", source + ": " + decided);
  return decision(std::move(told), event.text("call_id"), accepted ? "accepted" : "rejected",
                  std::move(by));
}

Told gemini_tool_call(const TelemetryView& event) {
  const std::string_view decided = event.text("decision");
  if (decided.empty()) return {};  // none was asked for
  Told told = told_by("gemini-cli", event);
  note_detail(told.detail, "decided", decided);
  told.by = "person";
  if (decided == "accept") {
    told.kind = "accepted";
    if (event.truth("interactive") == false) told.by = "automatic";
  } else if (decided == "auto_accept") {
    told.kind = "accepted";
    told.by = "automatic";
  } else if (decided == "reject") {
    told.kind = "rejected";
  } else if (decided == "modify") {
    told.kind = "edited";
  } else {
    return rejected_value("decision", decided, "accept, reject, auto_accept, modify");
  }
  // It names the prompt, and not the call: what tells calls of a prompt apart is when, and which.
  const std::string call = told.kind + "/" + told.by + "/" + std::to_string(event.at_ms) + "/" +
                           brief_digest(std::string(event.text("function_name")) + "\n" +
                                        std::string(event.text("function_args")));
  for (const auto* id : {"call_id", "gen_ai.tool.call.id"}) {
    const std::string_view named = event.text(id);
    if (named.empty()) continue;
    const std::string decided_by = told.kind + "/" + told.by;
    return told_about(std::move(told), {"tool_call", std::string(named)}, {decided_by});
  }
  return told_about(std::move(told), {"prompt", std::string(event.text("prompt_id"))}, {call});
}

// --- Copilot Chat --------------------------------------------------------------------------------

// An event of Copilot's names the answer by the id of its request; which kind of id that is depends
// on who serves the model.
Told of_copilot(Told told, const TelemetryView& event, std::string_view what) {
  const std::string at = std::to_string(event.at_ms);
  return told_about(std::move(told), {"", std::string(event.text("request_id"))}, {what, at});
}

Told copilot_outcome(const TelemetryView& event) {
  std::string_view outcome = event.text("outcome");
  if (outcome == "saved") return {};
  if (const auto inline_done = event.truth("accepted")) {
    outcome = *inline_done ? "accepted" : "rejected";  // which names no answer, as it is today
  }
  if (outcome != "accepted" && outcome != "rejected") {
    return rejected_value("outcome", outcome, "accepted, rejected, saved");
  }
  Told told = told_by("copilot-chat", event);
  told.kind = outcome;
  // A whole file is accepted by a click or by the editor's timer (autoAcceptDelay), which the event
  // does not tell; a hunk by a click, and nothing is turned down by itself.
  const bool whole = event.name == "copilot_chat.edit.feedback";
  told.by = whole && outcome == "accepted" ? "unknown" : "person";
  note_detail(told.detail, "surface", event.text("edit_surface"));
  const std::string what = event.name + "/" + told.kind;
  return of_copilot(std::move(told), event, what);
}

Told copilot_survival(const TelemetryView& event) {
  const auto share = event.number("survival_rate_four_gram");
  const auto delay = event.number("time_delay_ms");
  if (!share || !(*share >= 0 && *share <= 1)) {
    return rejected_event("'survival_rate_four_gram' must be a number from 0 to 1");
  }
  if (!delay) return rejected_event("'time_delay_ms' must be a number");
  if (*delay < kEarlySurvival || event.truth("did_branch_change") == true) return {};
  Told told = told_by("copilot-chat", event);
  told.kind = "persisted";
  told.by = "automatic";
  told.value = *share;
  told.detail["time_delay_ms"] = *delay;
  if (const auto kept = event.number("survival_rate_no_revert")) told.detail["no_revert"] = *kept;
  const std::string what = event.name + "/" + std::to_string(std::llround(*delay));
  return of_copilot(std::move(told), event, what);
}

Told copilot_vote(const TelemetryView& event) {
  const std::string_view rating = event.text("rating");
  if (rating != "positive" && rating != "negative") {
    return rejected_value("rating", rating, "positive, negative");
  }
  Told told = told_by("copilot-chat", event);
  told.kind = "rated";
  told.by = "person";
  told.value = rating == "positive" ? 1 : 0;
  const std::string what = event.name + "/" + std::string(rating);
  return of_copilot(std::move(told), event, what);
}

// --- The table -----------------------------------------------------------------------------------

struct EventRule {
  std::string_view name;
  Told (*read)(const TelemetryView&);
};

constexpr std::array<EventRule, 11> kEventRules = {
    {{"claude_code.tool_decision", claude_tool_decision},
     {"claude_code.tool_result", claude_tool_result},
     {"claude_code.feedback_survey", claude_survey},
     {"codex.tool_decision", codex_tool_decision},
     {"gemini_cli.tool_call", gemini_tool_call},
     {"copilot_chat.edit.feedback", copilot_outcome},
     {"copilot_chat.edit.hunk.action", copilot_outcome},
     {"copilot_chat.edit.survival", copilot_survival},
     {"copilot_chat.inline.done", copilot_outcome},
     {"copilot_chat.user.feedback", copilot_vote},
     {"gen_ai.evaluation.result", read_evaluation}}};

}  // namespace

Told read_event(const TelemetryView& event) {
  const auto* rule = std::ranges::find(kEventRules, event.name, &EventRule::name);
  if (rule != kEventRules.end()) return rule->read(event);
  if (event.name.starts_with("gen_ai.evaluation.")) return read_evaluation(event);
  return {.heard = Heard::kUnknown};
}

std::vector<Told> read_span(const TelemetryView& span) {
  if (span.name == "claude_code.tool.blocked_on_user") return {claude_blocked_on_user(span)};
  return read_annotations(span);
}

}  // namespace hone::feedback
