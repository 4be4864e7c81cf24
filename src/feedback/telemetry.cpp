// Goes through the telemetry, event by event: what each is called, what stands around it, when it
// was, and the feedback that comes of it.
#include "feedback/telemetry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "feedback/telemetry_tools.h"
#include "store/text.h"

namespace hone::feedback {

const json::value* TelemetryView::find(std::string_view field) const {
  constexpr std::size_t kShared = 512;  // as long as an id may be
  for (const json::object* place : {own, body, span}) {
    const json::value* value = place == nullptr ? nullptr : place->if_contains(field);
    if (value == nullptr || value->is_null()) continue;
    if (place == span && value->is_string() && value->get_string().size() > kShared) continue;
    return value;
  }
  return nullptr;
}

std::string_view TelemetryView::text(std::string_view field) const {
  const json::value* value = find(field);
  const auto* string = value == nullptr ? nullptr : value->if_string();
  return string == nullptr ? std::string_view() : std::string_view(*string);
}

std::optional<double> TelemetryView::number(std::string_view field) const {
  const json::value* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->to_number<double>();
  const auto* string = value->if_string();  // as some tools write all they have
  if (string == nullptr || string->empty()) return std::nullopt;
  double number = 0;
  const char* end = string->data() + string->size();
  const auto read = std::from_chars(string->data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<bool> TelemetryView::truth(std::string_view field) const {
  const json::value* value = find(field);
  if (value != nullptr && value->is_bool()) return value->get_bool();
  const std::string_view word = text(field);
  if (word == "true" || word == "false") return word == "true";
  return std::nullopt;
}

namespace {

// Known, and about no answer, or about one in words that the conversation itself has. A name that
// ends with a dot or a low line stands for all that begin so.
constexpr std::array<std::string_view, 72> kSayNothing = {
    "claude_code.api_error",
    "claude_code.api_refusal",
    "claude_code.api_request",
    "claude_code.api_request_body",
    "claude_code.api_response_body",
    "claude_code.api_retries_exhausted",
    "claude_code.assistant_response",
    "claude_code.at_mention",
    "claude_code.auth",
    "claude_code.compaction",
    "claude_code.hook_execution_complete",
    "claude_code.hook_execution_start",
    "claude_code.hook_plugin_metrics",
    "claude_code.hook_registered",
    "claude_code.internal_error",
    "claude_code.managed_settings_resolved",
    "claude_code.mcp_server_connection",
    "claude_code.permission_mode_changed",
    "claude_code.plugin_installed",
    "claude_code.plugin_loaded",
    "claude_code.retention_sweep",
    "claude_code.skill_activated",
    "claude_code.subagent_completed",
    "claude_code.user_prompt",
    "codex.api_request",
    "codex.conversation_starts",
    "codex.sse_event",
    "codex.startup_phase",
    "codex.tool_result",
    "codex.turn_ttft",
    "codex.user_prompt",
    "codex.websocket_connect",
    "codex.websocket_event",
    "codex.websocket_request",
    "gemini_cli.agent.",
    "gemini_cli.api_error",
    "gemini_cli.api_request",
    "gemini_cli.api_response",
    "gemini_cli.chat_compression",
    "gemini_cli.config",
    "gemini_cli.conversation_finished",
    "gemini_cli.extension_",
    "gemini_cli.file_operation",
    "gemini_cli.flash_fallback",
    "gemini_cli.hook_call",
    "gemini_cli.ide_connection",
    "gemini_cli.invalid_chunk",
    "gemini_cli.malformed_json_response",
    "gemini_cli.model_routing",
    "gemini_cli.next_speaker_check",
    "gemini_cli.plan.",
    "gemini_cli.ripgrep_fallback",
    "gemini_cli.slash_command",
    "gemini_cli.startup_stats",
    "gemini_cli.tool_output_truncated",
    "gemini_cli.user_prompt",
    "copilot_chat.agent.turn",
    "copilot_chat.cloud.",
    "copilot_chat.session.start",
    "copilot_chat.tool.call",
    "github.copilot.",
    "gen_ai.assistant.message",
    "gen_ai.choice",
    "gen_ai.client.inference.operation.details",
    "gen_ai.content.completion",
    "gen_ai.content.prompt",
    "gen_ai.request.attempt",
    "gen_ai.system.message",
    "gen_ai.tool.message",
    "gen_ai.user.message",
    "exception",
    "tool.output",
};

bool says_nothing(std::string_view name) {
  return std::ranges::any_of(kSayNothing, [&](std::string_view known) {
    const bool many = known.ends_with('.') || known.ends_with('_');
    return many ? name.starts_with(known) : name == known;
  });
}

// Between these a clock can be right: tools that we read are younger, and a laptop's may be ahead.
constexpr Time kEarliestEvent{std::chrono::sys_days(std::chrono::year(2024) / 1 / 1)};
constexpr std::chrono::hours kAhead{24};

class TelemetryWalk {
 public:
  TelemetryWalk(const wire::Telemetry& telemetry, Time now) : telemetry_(telemetry), now_(now) {}

  TelemetryHeard run() {
    for (const wire::TelemetrySpan& span : telemetry_.spans) note_call(span);
    std::size_t number = 0;
    for (const wire::TelemetryEvent& event : telemetry_.events) {
      hear(event, nullptr, "log record " + std::to_string(++number));
    }
    number = 0;
    for (const wire::TelemetrySpan& span : telemetry_.spans) {
      hear(span, "span " + std::to_string(++number));
    }
    return std::move(heard_);
  }

 private:
  // A tool call's id is on its span, and what happened in it on the spans below.
  void note_call(const wire::TelemetrySpan& span) {
    if (span.span_id.empty()) return;
    for (const auto* field : {"gen_ai.tool.call.id", "tool_use_id"}) {
      const std::string_view call = string_or_empty(span.attributes, field);
      if (!call.empty()) calls_.emplace(span.span_id, call);
    }
  }

  void hear(const wire::TelemetryEvent& event, const json::object* span, const std::string& place) {
    TelemetryView view = view_of(event.origin, event.attributes);
    view.name = name_of(event);
    view.body = event.body.if_object();
    view.span = span;
    view.at = when(event.time_ns != 0 ? event.time_ns : event.observed_ns,
                   string_or_empty(event.attributes, "event.timestamp"));
    Told told = read_event(view);
    if (told.heard == Heard::kUnknown && says_nothing(view.name)) told.heard = Heard::kNothing;
    take(std::move(told), view.name, place);
  }

  void hear(const wire::TelemetrySpan& span, const std::string& place) {
    TelemetryView view = view_of(span.origin, span.attributes);
    view.name = span.name;
    const auto above = calls_.find(span.parent_id);
    if (above != calls_.end()) view.tool_call = above->second;
    view.at = when(span.end_ns, {});
    auto all = read_span(view);
    if (all.empty()) all.emplace_back();
    for (Told& told : all) take(std::move(told), span.name, place);
    for (const wire::TelemetryEvent& event : span.events) {
      hear(event, &span.attributes, place + ", its event '" + short_name(event.name) + "'");
    }
  }

  [[nodiscard]] TelemetryView view_of(std::size_t origin, const json::object& own) const {
    TelemetryView view;
    view.own = &own;
    view.resource = &telemetry_.resources.at(telemetry_.origins.at(origin).resource);
    return view;
  }

  // The attribute before the field, into which Codex writes a place in its source; where there is
  // neither, a body that is a name. Claude Code leaves its prefix out of the attribute.
  [[nodiscard]] std::string name_of(const wire::TelemetryEvent& event) const {
    std::string name(string_or_empty(event.attributes, "event.name"));
    if (name.empty()) name = event.name;
    if (name.empty() && event.body.is_string()) {
      name = event.body.get_string();
      if (name.size() > 128 || name.find(' ') != std::string::npos) return {};
    }
    constexpr std::string_view kClaude = "claude_code.";
    const std::string& scope = telemetry_.origins.at(event.origin).scope;
    if (scope == "com.anthropic.claude_code.events" && !name.starts_with(kClaude)) {
      name.insert(0, kClaude);
    }
    return name;
  }

  // Time{} where nothing is told.
  [[nodiscard]] static Time when(std::uint64_t nanoseconds, std::string_view text) {
    if (nanoseconds != 0) return from_millis(static_cast<std::int64_t>(nanoseconds / 1'000'000));
    if (text.empty() || text.size() > 64) return Time{};
    return parse_time(text).value_or(Time{});
  }

  static std::string short_name(std::string_view name) {
    return store::storable_text(beginning_of(name, 64));
  }

  void take(Told told, std::string_view name, const std::string& place) {
    TelemetryCounts& counts = heard_.counts;
    switch (told.heard) {
      case Heard::kSignal:
        return keep(std::move(told.fact));
      case Heard::kNothing:
        ++counts.nothing;
        return;
      case Heard::kUnknown:
        ++counts.unknown;
        return;
      case Heard::kWithoutHandle:
        ++counts.without_handle;
        return;
      case Heard::kWithoutValue:
        ++counts.without_value;
        return;
      case Heard::kRejected:
        break;
    }
    ++counts.rejected;
    if (heard_.problem.empty()) {
      heard_.problem = place + " (" + short_name(name) + "): " + told.problem;
    }
  }

  void keep(ToolFact fact) {
    if (!known_.insert(fact.tool + "\n" + fact_key(fact.kind, fact.about.value, fact.part))
             .second) {
      ++heard_.counts.repeated;
      return;
    }
    ++heard_.counts.signals;
    if (fact.at == Time{}) {
      fact.at = now_;
    } else if (fact.at < kEarliestEvent || fact.at > now_ + kAhead) {
      ++heard_.counts.wrong_clocks;
      fact.at = now_;
    }
    heard_.facts.push_back(std::move(fact));
  }

  const wire::Telemetry& telemetry_;
  const Time now_;
  TelemetryHeard heard_;
  std::map<std::string_view, std::string_view> calls_;  // by span
  std::set<std::string> known_;
};

}  // namespace

TelemetryHeard read_telemetry(const wire::Telemetry& telemetry, Time now) {
  return TelemetryWalk(telemetry, now).run();
}

}  // namespace hone::feedback
