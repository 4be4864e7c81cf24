// Which event says what: a function a tool's event, and the table of them at the end. Names and
// values are those of shared/recordings and of the tools' own documentation (docs/formats/otlp.md).
#include "feedback/telemetry_tools.h"

#include <algorithm>
#include <array>

#include "store/text.h"

namespace hone::feedback {

// The first word of a name stays.
void add_label(Told& told, std::string_view name, std::string_view word) {
  if (!word.empty() && !told.fact.labels.contains(name)) told.fact.labels[name] = safe_label(word);
}

Told rejected_event(std::string problem) {
  return {.heard = Heard::kRejected, .problem = std::move(problem)};
}

Told rejected_value(std::string_view field, std::string_view value, std::string_view known) {
  return rejected_event("'" + std::string(field) + "' must be one of " + std::string(known) +
                        ", not '" + store::storable_text(beginning_of(value, 64)) + "'");
}

Told told_by(std::string tool, const TelemetryView& event) {
  Told told;
  told.heard = Heard::kSignal;
  told.fact.tool = std::move(tool);
  told.fact.at = event.at;
  add_label(told, "event", event.name);
  for (const auto* field :
       {"session.id", "conversation.id", "conversation_id", "gen_ai.conversation.id"}) {
    add_label(told, "session", event.text(field));
  }
  for (const auto* field : {"prompt.id", "prompt_id"}) add_label(told, "prompt", event.text(field));
  add_label(told, "request", event.text("request_id"));
  for (const auto* field : {"tool_name", "function_name", "gen_ai.tool.name"}) {
    add_label(told, "tool_name", event.text(field));
  }
  add_label(told, "version", event.text("app.version"));
  if (event.resource != nullptr) {
    add_label(told, "version", string_or_empty(*event.resource, "service.version"));
  }
  return told;
}

Told told_about(Told told, store::Handle about, std::string part) {
  if (about.value.empty()) return {.heard = Heard::kWithoutHandle};
  about.value = store::storable_text(about.value);
  if (!is_call_id(about.value)) {
    return rejected_event("the id of the answer or the tool call has over 512 bytes");
  }
  told.fact.about = std::move(about);
  told.fact.part = std::move(part);
  return told;
}

namespace {

constexpr double kEarlySurvival = 30'000;  // ms: what was just put in is still there

// --- Decisions on tool calls ---------------------------------------------------------------------

// One decision a call, whichever of a tool's events tells it, and other sources too.
Told call_decision(Told told, std::string_view call, std::string kind, std::string by) {
  told.fact.kind = std::move(kind);
  told.fact.by = std::move(by);
  return told_about(std::move(told), {"tool_call", std::string(call)}, "");
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
  std::string by = decider_of(source, accepted);
  if (by == "person" && event.text("terminal.type") == "non-interactive") {
    by = accepted ? "automatic" : "unknown";
  }
  Told told = told_by("claude-code", event);
  add_label(told, "decided", source);
  add_label(told, "permission_mode", event.text("permission_mode"));
  return call_decision(std::move(told), call, accepted ? "accepted" : "rejected", std::move(by));
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
  const std::string response = lower_word(event.text("response"));
  constexpr std::array<std::pair<std::string_view, double>, 3> kAnswers = {
      {{"bad", 0}, {"fine", 0.5}, {"good", 1}}};
  const auto* found = std::ranges::find(kAnswers, response, [](auto& one) { return one.first; });
  if (found == kAnswers.end()) return {};
  Told told = told_by("claude-code", event);
  told.fact.kind = "comment";
  told.fact.by = "person";
  told.fact.value = found->second;
  told.fact.comment = "the session was rated " + response;
  const std::string survey = "survey/" + brief_digest(event.text("appearance_id"));
  return told_about(std::move(told), {"session", std::string(event.text("session.id"))}, survey);
}

// `approved_for_session` is told of the answer itself and again of each later call that it covers:
// nothing tells them apart, so none is a person's. Nor is what a model approved that looks for
// danger.
Told codex_tool_decision(const TelemetryView& event) {
  const std::string decided = lower_word(event.text("decision"));
  const std::string source = lower_word(event.text("source"));
  const bool accepted = decided.starts_with("approved");
  const bool refused = decided.starts_with("denied") || decided.starts_with("abort");
  if (decided.starts_with("timed_out") || decided.starts_with("network_policy")) return {};
  if (!accepted && !refused) return rejected_value("decision", decided, "approved…, denied, abort");
  std::string by = decider_of(source, accepted);
  if (accepted && (by != "person" || decided == "approved_for_session")) by = "automatic";
  Told told = told_by("codex", event);
  add_label(told, "decided", source + "/" + decided);
  return call_decision(std::move(told), event.text("call_id"), accepted ? "accepted" : "rejected",
                       std::move(by));
}

Told gemini_tool_call(const TelemetryView& event) {
  const std::string_view decided = event.text("decision");
  if (decided.empty()) return {};  // none was asked for
  Told told = told_by("gemini-cli", event);
  add_label(told, "decided", decided);
  told.fact.by = "person";
  if (decided == "accept") {
    told.fact.kind = "accepted";
    if (event.truth("interactive") == false) told.fact.by = "automatic";
  } else if (decided == "auto_accept") {
    told.fact.kind = "accepted";
    told.fact.by = "automatic";
  } else if (decided == "reject") {
    told.fact.kind = "rejected";
  } else if (decided == "modify") {
    told.fact.kind = "edited";
  } else {
    return rejected_value("decision", decided, "accept, reject, auto_accept, modify");
  }
  for (const auto* id : {"call_id", "gen_ai.tool.call.id"}) {
    const std::string_view named = event.text(id);
    if (!named.empty()) {
      return told_about(std::move(told), {"tool_call", std::string(named)}, "");
    }
  }
  // It names the prompt, and not the call: what tells calls of a prompt apart is when, and which.
  const std::string call = event.when() + "/" +
                           brief_digest(std::string(event.text("function_name")) + "\n" +
                                        std::string(event.text("function_args")));
  return told_about(std::move(told), {"prompt", std::string(event.text("prompt_id"))}, call);
}

// --- Copilot Chat --------------------------------------------------------------------------------

// An event of Copilot's names the answer by the id of its request; which kind of id that is depends
// on who serves the model.
Told of_copilot(Told told, const TelemetryView& event) {
  std::string part = event.name + "/" + event.when();
  return told_about(std::move(told), {"", std::string(event.text("request_id"))}, std::move(part));
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
  told.fact.kind = outcome;
  // A whole file is accepted by a click or by the editor's timer (autoAcceptDelay), which the event
  // does not tell; a hunk by a click, and nothing is turned down by itself.
  const bool whole = event.name == "copilot_chat.edit.feedback";
  told.fact.by = whole && outcome == "accepted" ? "unknown" : "person";
  add_label(told, "surface", event.text("edit_surface"));
  return of_copilot(std::move(told), event);
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
  told.fact.kind = "persisted";
  told.fact.by = "automatic";
  told.fact.value = *share;
  told.fact.labels["after_seconds"] = *delay / 1000;
  if (const auto kept = event.number("survival_rate_no_revert"))
    told.fact.labels["no_revert"] = *kept;
  return of_copilot(std::move(told), event);
}

Told copilot_vote(const TelemetryView& event) {
  const std::string_view rating = event.text("rating");
  if (rating != "positive" && rating != "negative") {
    return rejected_value("rating", rating, "positive, negative");
  }
  Told told = told_by("copilot-chat", event);
  told.fact.kind = "rated";
  told.fact.by = "person";
  told.fact.value = rating == "positive" ? 1 : 0;
  return of_copilot(std::move(told), event);
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
