#include "feedback/claude_hooks.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTool = "claude-code";
constexpr std::size_t kToolBytes = 128;
constexpr std::size_t kCallsOfASession = 32;
constexpr std::size_t kCallsOfABatch = 64;
constexpr std::size_t kResultBytes = 64U << 10;  // of a result's beginning, where a refusal stands
// Sooner nobody has read a question: another hook, or a setting, answered it.
constexpr auto kReadsIn = 250ms;

// In which nobody decides, even where the tool asks itself.
constexpr std::array<std::string_view, 3> kOwnModes = {"auto", "bypassPermissions", "dontAsk"};

// Those that say nothing of an answer.
constexpr std::array<std::string_view, 22> kSilent = {"SessionStart",     "Setup",
                                                      "UserPromptSubmit", "UserPromptExpansion",
                                                      "MessageDisplay",   "Notification",
                                                      "SubagentStart",    "SubagentStop",
                                                      "PreCompact",       "PostCompact",
                                                      "StopFailure",      "TaskCreated",
                                                      "TaskCompleted",    "TeammateIdle",
                                                      "ConfigChange",     "CwdChanged",
                                                      "FileChanged",      "WorktreeCreate",
                                                      "WorktreeRemove",   "InstructionsLoaded",
                                                      "Elicitation",      "ElicitationResult"};

template <std::size_t Size>
bool is_among(const std::array<std::string_view, Size>& names, std::string_view name) {
  return !name.empty() && std::ranges::find(names, name) != names.end();
}

// The texts of a result: a text, parts with a "text", or an object with a "content".
void append_text(const json::value& value, std::string& text) {
  if (text.size() >= kResultBytes) return;
  if (const auto* plain = value.if_string()) {
    text += beginning_of(*plain, kResultBytes - text.size());
  } else if (const auto* parts = value.if_array()) {
    for (const json::value& part : *parts) {
      if (part.is_object()) append_text(part, text);
    }
  } else if (const auto* object = value.if_object()) {
    text += beginning_of(string_or_empty(*object, "text"), kResultBytes - text.size());
  }
}

}  // namespace

struct ClaudeHooks::Event {
  const json::object& body;
  std::string_view name;
  std::string_view session;
  std::string_view tool;
  std::string id;
  std::string prompt;
  std::string input;  // digest
  json::object labels;
  json::object texts;

  [[nodiscard]] bool is(std::string_view other) const { return name == other; }
  [[nodiscard]] bool ran() const { return is("PostToolUse") || is("PostToolUseFailure"); }
  [[nodiscard]] bool ends() const { return is("SessionEnd") || is("Stop"); }
  [[nodiscard]] bool names_call() const {
    return ran() || is("PreToolUse") || is("PermissionDenied");
  }
  [[nodiscard]] ToolFact fact(std::string_view kind, std::string_view by, Time now) const {
    ToolFact made{
        .tool = std::string(kTool), .about = {"tool_call", id}, .kind = std::string(kind)};
    made.by = by;
    made.labels = labels;
    made.texts = texts;
    made.at = now;
    return made;
  }
  [[nodiscard]] static Result<Event> of(const json::object& body);
};

Result<ClaudeHooks::Event> ClaudeHooks::Event::of(const json::object& body) {
  Event event{.body = body,
              .name = string_or_empty(body, "hook_event_name"),
              .session = string_or_empty(body, "session_id"),
              .tool = beginning_of(string_or_empty(body, "tool_name"), kToolBytes),
              .id = std::string(string_or_empty(body, "tool_use_id")),
              .prompt = safe_label(string_or_empty(body, "prompt_id")),
              .input = {},
              .labels = {},
              .texts = {}};
  if (event.name.empty()) return fail(ErrorCode::kInvalid, "field 'hook_event_name' is missing");
  if (!is_call_id(event.session)) {
    return fail(ErrorCode::kInvalid, "field 'session_id' must have 1 to 512 characters");
  }
  if (event.names_call() && !is_call_id(event.id)) {
    return fail(ErrorCode::kInvalid, "field 'tool_use_id' must have 1 to 512 characters");
  }
  event.labels = {{"event", safe_label(event.name)}, {"session", safe_label(event.session)}};
  const auto mode = string_or_empty(body, "permission_mode");
  if (!mode.empty()) event.labels["permission_mode"] = safe_label(mode);
  if (!event.prompt.empty()) event.labels["prompt"] = event.prompt;
  if (!event.tool.empty()) event.texts["tool_name"] = event.tool;
  if (event.ran() || event.is("PreToolUse") || event.is("PermissionRequest")) {
    const auto* input = body.if_contains("tool_input");
    const std::string text = input == nullptr ? std::string() : canonical(*input);
    event.input = hex(sha256(std::string(event.tool) + "\n" + text));
  }
  return event;
}

ClaudeHooks::Session& ClaudeHooks::session(const std::string& name, Time now) {
  auto found = sessions_.find(name);
  if (found == sessions_.end()) {
    if (sessions_.size() >= most_sessions_) {
      sessions_.erase(std::ranges::min_element(
          sessions_, {}, [](const auto& entry) { return entry.second.used; }));
    }
    found = sessions_.try_emplace(name).first;
  }
  found->second.used = now;
  return found->second;
}

// The call of the event, known or new.
ClaudeHooks::Call& ClaudeHooks::call_of(Session& session, const Event& event) {
  auto& calls = session.calls;
  auto found = std::ranges::find_if(
      calls, [&](auto& call) { return !event.id.empty() && call.id == event.id; });
  if (found == calls.end()) {  // asked for before it had a name, where no PreToolUse is sent
    found = std::ranges::find_if(
        calls, [&](auto& call) { return call.id.empty() && call.input == event.input; });
  }
  if (found != calls.end()) {
    found->id = event.id;
    return *found;
  }
  if (calls.size() >= kCallsOfASession) calls.erase(calls.begin());
  Call call;
  call.id = event.id;
  call.tool = event.tool;
  call.input = event.input;
  call.prompt = event.prompt;
  calls.push_back(std::move(call));
  return calls.back();
}

// A question names tool and input, not the call: it is about the first such call that waits. A hook
// may have changed the input in between; then it is about the only one of that tool.
void ClaudeHooks::ask(Session& session, const Event& event, Time now) {
  auto& calls = session.calls;
  const auto waits = [](const Call& call) { return !call.settled && !call.asked; };
  auto found = std::ranges::find_if(
      calls, [&](auto& call) { return waits(call) && call.input == event.input; });
  if (found == calls.end()) {
    const auto same_tool = [&](auto& call) { return waits(call) && call.tool == event.tool; };
    if (std::ranges::count_if(calls, same_tool) == 1) {
      found = std::ranges::find_if(calls, same_tool);
    }
  }
  if (found != calls.end()) {
    found->asked = now;
    return;
  }
  // The same question, delivered twice.
  const auto again = [&](auto& call) { return call.asked && call.input == event.input; };
  if (std::ranges::any_of(calls, again)) return;
  call_of(session, event).asked = now;
}

// What the event says of a refusal that was read out of a result.
void ClaudeHooks::complete(ToolFact& refusal, const Event& event, Time now) {
  refusal.labels.insert(event.labels.begin(), event.labels.end());
  refusal.texts = event.texts;
  refusal.at = now;
}

// The call ran, so somebody or something has allowed it.
void ClaudeHooks::add_run(Call& call, const Event& event, Time now,
                          std::vector<ToolFact>& facts) const {
  call.settled = true;
  if (event.is("PostToolUseFailure")) {
    auto refusal = refusal_in(kTool, event.id, string_or_empty(event.body, "error"), rules_);
    if (refusal) {
      complete(*refusal, event, now);
      return facts.push_back(std::move(*refusal));
    }
  }
  ToolFact fact = event.fact("accepted", "automatic", now);
  const auto* response = event.body.if_contains("tool_response");
  const auto* object = response == nullptr ? nullptr : response->if_object();
  if (object != nullptr && truth_at(*object, "userModified")) {
    fact.kind = "edited";
    fact.by = "person";
    const auto text = text_as_written(*object);
    if (!text.empty()) fact.texts["written"] = text;
    return facts.push_back(std::move(fact));
  }
  fact.inferred = true;
  if (event.is("PostToolUseFailure") && truth_at(event.body, "is_interrupt")) {
    fact.kind = "rejected";
    fact.by = "person";
    fact.weak = true;  // people also stop a call to add a word
    fact.labels["rule"] = "interrupted";
    return facts.push_back(std::move(fact));
  }
  const auto* took = event.body.if_contains("duration_ms");
  const auto ran_for =
      std::chrono::milliseconds(took != nullptr && took->is_int64()
                                    ? std::clamp<std::int64_t>(took->get_int64(), 0, 86'400'000)
                                    : 0);
  const auto mode = string_or_empty(event.body, "permission_mode");
  const bool person =
      call.asked && !is_among(kOwnModes, mode) && now - *call.asked - ran_for >= kReadsIn;
  if (person) fact.by = "person";
  if (call.asked) fact.labels["asked"] = true;
  facts.push_back(std::move(fact));
}

Result<void> ClaudeHooks::add_batch(Session& session, const Event& event, Time now,
                                    std::vector<ToolFact>& facts) const {
  const auto* value = event.body.if_contains("tool_calls");
  const auto* calls = value == nullptr ? nullptr : value->if_array();
  if (calls == nullptr) return fail(ErrorCode::kInvalid, "field 'tool_calls' must be an array");
  std::size_t read = 0;
  for (const json::value& item : *calls) {
    const auto* body = item.if_object();
    if (body == nullptr || ++read > kCallsOfABatch) continue;
    const auto id = string_or_empty(*body, "tool_use_id");
    if (!is_call_id(id)) continue;
    const auto known =
        std::ranges::find_if(session.calls, [&](auto& call) { return call.id == id; });
    if (known != session.calls.end() && known->settled) continue;
    std::string text;
    if (const auto* response = body->if_contains("tool_response")) append_text(*response, text);
    auto refusal = refusal_in(kTool, id, text, rules_);
    if (!refusal) continue;  // it ran, or failed: PostToolUse says so, or nobody asked us to know
    complete(*refusal, event, now);
    refusal->texts["tool_name"] = beginning_of(string_or_empty(*body, "tool_name"), kToolBytes);
    facts.push_back(std::move(*refusal));
    if (known != session.calls.end()) known->settled = true;
  }
  return {};
}

// Asked, and never run: Esc in the dialog is told by no hook.
void ClaudeHooks::add_given_up(Session& session, const Event& event, bool all, Time now,
                               std::vector<ToolFact>& facts) {
  for (Call& call : session.calls) {
    if (call.settled || !call.asked || call.id.empty()) continue;
    if (!all && call.prompt == event.prompt) continue;  // it may still be answered
    call.settled = true;
    ToolFact fact = event.fact("rejected", "unknown", now);
    fact.about.value = call.id;
    fact.inferred = true;
    fact.weak = true;
    fact.labels["rule"] = "never-run";
    fact.texts["tool_name"] = call.tool;
    facts.push_back(std::move(fact));
  }
}

Result<std::vector<ToolFact>> ClaudeHooks::read(const json::object& body, std::string_view caller,
                                                Time now) {
  const auto event = Event::of(body);
  if (!event) return fail(event.error());
  std::vector<ToolFact> facts;
  if (is_among(kSilent, event->name)) return facts;
  if (!event->names_call() && !event->ends() && !event->is("PermissionRequest") &&
      !event->is("PostToolBatch")) {
    return fail(ErrorCode::kNotFound, "event '" + safe_label(event->name) + "' is not known");
  }
  const std::string name = std::string(caller) + "\n" + std::string(event->session);
  const std::lock_guard lock(mutex_);
  Session& session = this->session(name, now);
  if (event->is("PermissionRequest")) {
    ask(session, *event, now);
  } else if (event->is("PostToolBatch")) {
    if (auto done = add_batch(session, *event, now, facts); !done) return fail(done.error());
  } else if (event->ends()) {
    add_given_up(session, *event, event->is("SessionEnd"), now, facts);
    if (event->is("SessionEnd")) sessions_.erase(name);
  } else {
    Call& call = call_of(session, *event);
    if (event->ran()) add_run(call, *event, now, facts);
    if (event->is("PermissionDenied")) {
      call.settled = true;
      facts.push_back(event->fact("rejected", "policy", now));
    }
  }
  return facts;
}

std::size_t ClaudeHooks::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace hone::feedback
