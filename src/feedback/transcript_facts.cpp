#include "feedback/transcript_facts.h"

#include <algorithm>

#include "feedback/mining.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

constexpr std::string_view kClaudeCode = "claude-code";
constexpr std::string_view kCodex = "codex";
constexpr std::size_t kOpenCalls = 1024;

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

// The texts of a content: a text, or parts.
std::string text_of_content(const json::value* content) {
  if (content == nullptr) return "";
  if (const auto* text = content->if_string()) return std::string(*text);
  std::string all;
  if (const auto* parts = content->if_array()) {
    for (const json::value& part : *parts) {
      if (part.is_object()) all += string_or_empty(part.get_object(), "text");
    }
  }
  return all;
}

// A message of the role "user" with the texts alone, in neutral form.
json::object texts_of(const json::object& message) {
  json::array texts;
  const auto* content = message.if_contains("content");
  if (content != nullptr && content->is_string()) {
    texts.push_back(wire::text_part(content->get_string()));
  } else if (content != nullptr && content->is_array()) {
    for (const json::value& part : content->get_array()) {
      const auto* object = part.if_object();
      if (object == nullptr || string_or_empty(*object, "type") != "text") continue;
      texts.push_back(wire::text_part(string_or_empty(*object, "text")));
    }
  }
  return wire::make_message("user", std::move(texts));
}

std::optional<std::string> words(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(beginning_of(text, 16U << 10));
}

}  // namespace

std::vector<ToolFact> TranscriptFacts::read(const json::object& record) {
  std::vector<ToolFact> facts;
  const auto at = parse_time(beginning_of(string_or_empty(record, "timestamp"), 64));
  at_ = at.value_or(at_);
  if (record.contains("payload")) {
    read_codex(record, facts);
  } else {
    read_claude(record, facts);
  }
  for (ToolFact& fact : facts) fact.at = at_;
  return facts;
}

void TranscriptFacts::read_claude(const json::object& record, std::vector<ToolFact>& facts) {
  const auto type = string_or_empty(record, "type");
  const json::object& message = object_at(record, "message");
  if (type == "assistant") {
    const auto id = string_or_empty(message, "id");
    if (id != answer_) refused_ = false;
    answer_ = is_call_id(id) ? id : "";
    return;
  }
  if (type != "user") return;
  const json::object texts = texts_of(message);
  const std::string typed = typed_text(texts, rules_);
  const auto* content = message.if_contains("content");
  if (content != nullptr && content->is_array()) {
    for (const json::value& part : content->get_array()) {
      const auto* object = part.if_object();
      if (object == nullptr || string_or_empty(*object, "type") != "tool_result") continue;
      read_claude_result(record, *object, typed, facts);
    }
  }
  refused_ = refused_ || std::ranges::any_of(
                             facts, [](const ToolFact& fact) { return fact.kind == "rejected"; });
  if (is_interruption(texts, kClaudeCode, rules_)) add_interruption(kClaudeCode, facts);
}

void TranscriptFacts::read_claude_result(const json::object& record, const json::object& result,
                                         const std::string& typed, std::vector<ToolFact>& facts) {
  const auto id = string_or_empty(result, "tool_use_id");
  if (!is_call_id(id)) return;
  const std::string text = text_of_content(result.if_contains("content"));
  auto refusal = truth_at(result, "is_error") ? refusal_in(kClaudeCode, id, text, rules_)
                                              : std::optional<ToolFact>();
  const json::object& decided = object_at(record, "permissionDecision");
  const auto decision = string_or_empty(decided, "decision");
  if (decision != "accept" && decision != "reject") {
    if (refusal) facts.push_back(std::move(*refusal));  // Esc: the result alone says so
    return;
  }
  const bool accepted = decision == "accept";
  ToolFact fact{.tool = std::string(kClaudeCode),
                .about = {"tool_call", std::string(id)},
                .kind = accepted ? "accepted" : "rejected",
                .by = decider_of(string_or_empty(decided, "source"), accepted)};
  fact.labels["decision_source"] = safe_label(string_or_empty(decided, "source"));
  if (fact.by == "person") {
    fact.comment = accepted ? words(typed) : words(string_or_empty(record, "userFeedback"));
    if (!accepted && !fact.comment && refusal) fact.comment = refusal->comment;
  }
  const json::object& made = object_at(record, "toolUseResult");
  if (accepted && truth_at(made, "userModified")) {
    fact.kind = "edited";
    fact.by = "person";
    const auto written = text_as_written(made);
    if (!written.empty()) fact.texts["written"] = written;
  }
  facts.push_back(std::move(fact));
}

// Weak: people also stop one to add a word. A refusal beside it is the same act.
void TranscriptFacts::add_interruption(std::string_view tool, std::vector<ToolFact>& facts) {
  if (refused_ || (answer_.empty() && last_call_.empty())) return;
  ToolFact fact{.tool = std::string(tool), .about = {}, .kind = "rejected", .by = "person"};
  fact.about =
      answer_.empty() ? store::Handle{"tool_call", last_call_} : store::Handle{"response", answer_};
  fact.weak = true;
  fact.labels["rule"] = "interrupted";
  facts.push_back(std::move(fact));
  refused_ = true;
}

void TranscriptFacts::read_codex(const json::object& record, std::vector<ToolFact>& facts) {
  const auto type = string_or_empty(record, "type");
  const json::object& payload = object_at(record, "payload");
  if (type == "turn_context") {
    approval_policy_ = safe_label(string_or_empty(payload, "approval_policy"));
  } else if (type == "token_usage_record") {
    const auto id = string_or_empty(payload, "response_id");
    answer_ = is_call_id(id) ? id : "";
    refused_ = false;
  } else if (type == "response_item") {
    read_codex_item(payload, facts);
  } else if (type == "event_msg" && string_or_empty(payload, "type") == "turn_aborted") {
    if (string_or_empty(payload, "reason") == "interrupted") add_interruption(kCodex, facts);
  }
}

void TranscriptFacts::read_codex_item(const json::object& item, std::vector<ToolFact>& facts) {
  const auto type = string_or_empty(item, "type");
  const auto id = string_or_empty(item, "call_id");
  if (!is_call_id(id)) return;
  if (type.ends_with("_call")) {
    if (policies_.size() >= kOpenCalls) policies_.clear();
    policies_.insert_or_assign(std::string(id), approval_policy_);
    last_call_ = id;
    return;
  }
  if (!type.ends_with("_output")) return;
  const auto open = policies_.find(id);
  if (open == policies_.end()) return;
  const std::string policy = open->second;
  policies_.erase(open);
  const auto* output = item.if_contains("output");
  const bool wrapped = output != nullptr && output->is_object();
  auto refusal = refusal_in(
      kCodex, id, text_of_content(wrapped ? output->get_object().if_contains("content") : output),
      rules_);
  if (refusal) {
    refused_ = true;
    facts.push_back(std::move(*refusal));
  } else if (policy == "never") {  // nobody is ever asked
    ToolFact fact{.tool = std::string(kCodex),
                  .about = {"tool_call", std::string(id)},
                  .kind = "accepted",
                  .by = "automatic"};
    fact.labels["approval_policy"] = policy;
    facts.push_back(std::move(fact));
  }
}

}  // namespace hone::feedback
