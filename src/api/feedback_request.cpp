#include "api/feedback_request.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "feedback/tool_fact.h"

namespace hone::api {
namespace {

constexpr std::size_t kMaxTextBytes = 1U << 20;
constexpr std::array<std::string_view, 5> kDeciders = {"person", "automatic", "policy", "agent",
                                                       "unknown"};

std::string listed(const auto& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

Result<store::Handle> parse_handle(const json::object& body) {
  const json::value* value = body.if_contains("handle");
  if (value == nullptr) return fail(ErrorCode::kInvalid, "field 'handle' is missing");
  store::Handle handle;
  if (const auto* text = value->if_string()) {
    handle.value = *text;
  } else if (const auto* object = value->if_object()) {
    if (auto only = only_fields(*object, {"kind", "value"}); !only) {
      return fail(only.error().with("handle"));
    }
    auto kind = field<std::string>(*object, "kind");
    auto name = field<std::string>(*object, "value");
    if (!kind) return fail(kind.error().with("handle"));
    if (!name) return fail(name.error().with("handle"));
    handle = {*kind, *name};
  } else {
    return fail(ErrorCode::kInvalid, "field 'handle' must be a string, or {\"kind\", \"value\"}");
  }
  if (handle.value.empty() || handle.value.size() > 512) {
    return fail(ErrorCode::kInvalid, "field 'handle' must have 1 to 512 characters");
  }
  return handle;
}

Result<std::string> one_of(const json::object& body, std::string_view name, const auto& allowed,
                           std::string otherwise) {
  auto value = optional_field<std::string>(body, name);
  if (!value) return fail(value.error());
  if (!*value) {
    if (!otherwise.empty()) return otherwise;
    return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' is missing");
  }
  if (std::find(allowed.begin(), allowed.end(), **value) == allowed.end()) {
    return fail(ErrorCode::kInvalid, "field '" + std::string(name) + "' must be one of " +
                                         listed(allowed) + ", not '" + (*value)->substr(0, 64) +
                                         "'");
  }
  return **value;
}

Result<std::optional<std::string>> bounded_text(const json::object& body, std::string_view name) {
  auto text = optional_field<std::string>(body, name);
  if (text && *text && (*text)->size() > kMaxTextBytes) {
    return fail(ErrorCode::kTooLarge, "field '" + std::string(name) + "' is over 1 MiB");
  }
  return text;
}

Result<Time> parse_at(const json::object& body, Time now) {
  auto text = optional_field<std::string>(body, "at");
  if (!text) return fail(text.error());
  if (!*text) return now;
  auto at = parse_time(**text);
  if (!at) return fail(at.error().with("field 'at'"));
  if (*at > now + std::chrono::hours(24)) {
    return fail(ErrorCode::kInvalid, "field 'at' is more than a day in the future");
  }
  return at;
}

Result<std::optional<double>> parse_value(const json::object& body, const std::string& kind) {
  auto value = optional_field<double>(body, "value");
  if (!value) return value;
  if (kind == "rated" && !*value) {
    return fail(ErrorCode::kInvalid, "field 'value' is missing: a rating is a number from 0 to 1");
  }
  if (*value && !(**value >= 0 && **value <= 1)) {
    return fail(ErrorCode::kInvalid, "field 'value' must be a number from 0 to 1");
  }
  return value;
}

// What a comparison was with, and where this answer stood when it was made: kept as it was said.
Result<json::object> parse_comparison(const json::object& body, const std::string& kind) {
  json::object detail;
  for (const char* name : {"against", "place"}) {
    auto text = optional_field<std::string>(body, name);
    if (!text) return fail(text.error());
    if (!*text) continue;
    if (kind != "compared") {
      return fail(ErrorCode::kInvalid,
                  "field '" + std::string(name) + "' goes with kind 'compared' only");
    }
    detail[name] = **text;
  }
  const auto against = string_or_empty(detail, "against");
  if (detail.contains("against") && (against.empty() || against.size() > 512)) {
    return fail(ErrorCode::kInvalid, "field 'against' must have 1 to 512 characters");
  }
  constexpr std::array<std::string_view, 2> kPlaces = {"first", "second"};
  if (detail.contains("place")) {
    if (auto place = one_of(body, "place", kPlaces, ""); !place) return fail(place.error());
  }
  return detail;
}

}  // namespace

Result<store::Feedback> parse_feedback(const json::object& body, const FeedbackContext& context) {
  if (auto only = only_fields(body, {"handle", "kind", "final_text", "value", "comment", "by", "at",
                                     "idempotency_key", "against", "place"});
      !only) {
    return fail(only.error());
  }
  store::Feedback feedback;
  auto handle = parse_handle(body);
  if (!handle) return fail(handle.error());
  feedback.handle = std::move(*handle);
  if (feedback.handle.kind == "commit" && !context.of_commits) {
    return fail(ErrorCode::kDenied,
                "field 'handle': neither a page nor a key that opens feedback only speaks of a "
                "commit, which is of many interactions; use a key of the scope 'all', or `hone "
                "feedback outcome`");
  }
  auto kind = one_of(body, "kind", store::feedback_kinds(), "");
  if (!kind) return fail(kind.error());
  feedback.kind = std::move(*kind);
  auto by = one_of(body, "by", kDeciders, "person");
  if (!by) return fail(by.error());
  feedback.by = std::move(*by);
  auto final_text = bounded_text(body, "final_text");
  if (!final_text) return fail(final_text.error());
  feedback.final_text = std::move(*final_text);
  auto comment = bounded_text(body, "comment");
  if (!comment) return fail(comment.error());
  feedback.comment = std::move(*comment);
  auto value = parse_value(body, feedback.kind);
  if (!value) return fail(value.error());
  feedback.value = *value;
  auto comparison = parse_comparison(body, feedback.kind);
  if (!comparison) return fail(comparison.error());
  feedback.detail = std::move(*comparison);
  auto at = parse_at(body, context.now);
  if (!at) return fail(at.error());
  feedback.at = *at;
  auto key = optional_field<std::string>(body, "idempotency_key");
  if (!key) return fail(key.error());
  if (*key && ((*key)->empty() || (*key)->size() > 256)) {
    return fail(ErrorCode::kInvalid, "field 'idempotency_key' must have 1 to 256 characters");
  }
  feedback.idempotency_key = key->value_or(context.fresh_key);
  feedback.source = context.source;
  feedback.person = context.person;
  feedback.received_at = context.now;
  feedback.id = feedback::feedback_id(feedback.source, feedback.idempotency_key);
  return feedback;
}

}  // namespace hone::api
