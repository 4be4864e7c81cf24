#include "feedback/editor_events.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace hone::feedback {
namespace {

constexpr std::string_view kContinue = "continue";
constexpr std::string_view kTabby = "tabby";
constexpr std::size_t kSuggestedBytes = 1U << 20;
constexpr double kLongestMs = 86'400'000;

double number_or(const json::object& object, std::string_view name, double otherwise) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return otherwise;
  const double number = value->to_number<double>();
  return std::isfinite(number) ? number : otherwise;
}

ToolFact fact_of(std::string_view tool, std::string_view kind, std::string_view by, Time at) {
  ToolFact fact{
      .tool = std::string(tool), .about = {}, .kind = std::string(kind), .by = std::string(by)};
  fact.at = at;
  return fact;
}

// The model by whichever of its names is there.
std::string model_of(const json::object& data) {
  for (const std::string_view name : {"modelName", "modelTitle"}) {
    const auto model = string_or_empty(data, name);
    if (!model.empty()) return std::string(beginning_of(model, 200));
  }
  return "unknown";
}

// What the event holds of the call itself; none where it was sent without code.
Result<std::optional<Suggestion>> suggestion_in(const json::object& data, std::string_view purpose,
                                                std::string_view key, std::string_view text,
                                                Time at) {
  std::string prompt(string_or_empty(data, "prompt"));
  if (prompt.empty()) {
    const auto prefix = string_or_empty(data, "prefix");
    const auto suffix = string_or_empty(data, "suffix");
    prompt = prefix;
    if (!suffix.empty()) prompt += "\n<|hole|>\n" + std::string(suffix);
  }
  if (prompt.empty() || text.empty()) return std::optional<Suggestion>();
  if (prompt.size() > kSuggestedBytes || text.size() > kSuggestedBytes) {
    return fail(ErrorCode::kTooLarge, "data.prompt or the text is over 1 MiB");
  }
  Suggestion suggestion;
  suggestion.purpose = purpose;
  suggestion.model = model_of(data);
  suggestion.session = beginning_of(string_or_empty(data, "sessionId"), 128);
  suggestion.prompt = std::move(prompt);
  suggestion.text = text;
  suggestion.at = at;
  // Without an id of its own it is known by what it says.
  suggestion.key = std::string(purpose) + "/";
  suggestion.key += is_call_id(key)
                        ? std::string(key)
                        : hex(sha256(suggestion.prompt + '\0' + suggestion.text)).substr(0, 32);
  suggestion.duration_ms = std::llround(std::clamp(number_or(data, "time", 0), 0.0, kLongestMs));
  return std::optional<Suggestion>(std::move(suggestion));
}

Result<bool> truth_of(const json::object& data, std::string_view name) {
  auto truth = field<bool>(data, name);
  if (!truth) return fail(truth.error().with("data"));
  return truth;
}

// What is said of the suggestion, where the event holds it.
Result<EditorEvent> event_about(Result<std::optional<Suggestion>> found, ToolFact fact) {
  if (!found) return fail(found.error());
  EditorEvent event;
  if (!*found) {
    event.left_out = "no_code";
    return event;
  }
  event.suggestion = std::move(*found);
  event.suggestion->fact = std::move(fact);
  return event;
}

EditorEvent without_opinion() {
  EditorEvent event;
  event.left_out = "no_opinion";
  return event;
}

Result<EditorEvent> read_autocomplete(const json::object& data, Time at) {
  if (!data.contains("accepted")) return without_opinion();
  const auto accepted = truth_of(data, "accepted");
  if (!accepted) return fail(accepted.error());
  // Not taken within ten seconds is "not accepted", too.
  ToolFact fact =
      fact_of(kContinue, *accepted ? "accepted" : "rejected", *accepted ? "person" : "unknown", at);
  fact.weak = !*accepted;
  return event_about(suggestion_in(data, "autocomplete", string_or_empty(data, "completionId"),
                                   string_or_empty(data, "completion"), at),
                     std::move(fact));
}

Result<EditorEvent> read_edit(const json::object& data, Time at) {
  const auto accepted = truth_of(data, "accepted");
  if (!accepted) return fail(accepted.error());
  auto text = string_or_empty(data, "completion");
  if (text.empty()) text = string_or_empty(data, "newCode");
  return event_about(suggestion_in(data, "edit", "", text, at),
                     fact_of(kContinue, *accepted ? "accepted" : "rejected", "person", at));
}

Result<EditorEvent> read_rating(const json::object& data, Time at) {
  if (!data.contains("feedback")) return without_opinion();
  const auto liked = truth_of(data, "feedback");
  if (!liked) return fail(liked.error());
  ToolFact fact = fact_of(kContinue, "rated", "person", at);
  fact.value = *liked ? 1.0 : 0.0;
  return event_about(suggestion_in(data, "chat", "", string_or_empty(data, "completion"), at),
                     std::move(fact));
}

Result<EditorEvent> read_tool_usage(const json::object& data, Time at) {
  const auto id = string_or_empty(data, "toolCallId");
  if (!is_call_id(id)) {
    return fail(ErrorCode::kInvalid, "data: field 'toolCallId' must have 1 to 512 characters");
  }
  const auto accepted = truth_of(data, "accepted");
  if (!accepted) return fail(accepted.error());
  // A tool may be allowed once and for all, and Continue does not say which it was.
  ToolFact fact = fact_of(kContinue, *accepted ? "accepted" : "rejected",
                          *accepted ? "automatic" : "person", at);
  fact.about = {"tool_call", std::string(id)};
  fact.inferred = *accepted;
  fact.texts["tool_name"] = beginning_of(string_or_empty(data, "functionName"), 128);
  EditorEvent event;
  event.facts.push_back(std::move(fact));
  return event;
}

}  // namespace

Result<EditorEvent> read_continue_event(const json::object& body, Time now) {
  const auto name = string_or_empty(body, "name");
  if (name.empty()) return fail(ErrorCode::kInvalid, "field 'name' is missing");
  const auto* value = body.if_contains("data");
  const auto* data = value == nullptr ? nullptr : value->if_object();
  if (data == nullptr) return fail(ErrorCode::kInvalid, "field 'data' must be an object");
  const Time at = plausible_time(string_or_empty(*data, "timestamp"), now);
  if (name == "autocomplete") return read_autocomplete(*data, at);
  if (name == "editOutcome") return read_edit(*data, at);
  if (name == "chatFeedback") return read_rating(*data, at);
  if (name == "toolUsage") return read_tool_usage(*data, at);
  return fail(ErrorCode::kNotFound, "event '" + safe_label(name) + "' says nothing of an answer");
}

Result<EditorEvent> read_tabby_event(const json::object& body, Time now) {
  const auto type = string_or_empty(body, "type");
  if (type.empty()) return fail(ErrorCode::kInvalid, "field 'type' is missing");
  const auto id = string_or_empty(body, "completion_id");
  std::string_view kind;
  if (type == "view") kind = "shown";
  if (type == "select") kind = "accepted";
  if (type == "dismiss") kind = "rejected";
  if (kind.empty()) {
    return fail(ErrorCode::kNotFound, "event '" + safe_label(type) + "' is not known");
  }
  if (!is_call_id(id)) {
    return fail(ErrorCode::kInvalid, "field 'completion_id' must have 1 to 512 characters");
  }
  ToolFact fact = fact_of(kTabby, kind, kind == "shown" ? "automatic" : "person", now);
  fact.about = {"response", std::string(id)};
  const double choice = number_or(body, "choice_index", 0);
  if (!(choice >= 0 && choice < 1000)) {
    return fail(ErrorCode::kInvalid, "field 'choice_index' must be a number from 0 to 999");
  }
  fact.part = std::to_string(std::lround(choice));
  fact.labels["choice"] = std::lround(choice);
  const auto part = string_or_empty(body, "select_kind");
  if (!part.empty()) fact.labels["select_kind"] = safe_label(part);
  if (const double elapsed = number_or(body, "elapsed", -1); elapsed >= 0) {
    fact.labels["elapsed_ms"] = std::llround(std::min(elapsed, kLongestMs));
  }
  EditorEvent event;
  event.facts.push_back(std::move(fact));
  return event;
}

}  // namespace hone::feedback
