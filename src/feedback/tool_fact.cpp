#include "feedback/tool_fact.h"

#include "base/hash.h"
#include "base/text.h"
#include "feedback/mining.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHandleBytes = 512;
constexpr std::size_t kLabelBytes = 64;
constexpr std::size_t kWrittenBytes = 256U << 10;
constexpr auto kEarliest = 7 * 24h;  // an editor that was offline sends what it kept
constexpr auto kLatest = 5min;

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._:/-").find(c) != std::string_view::npos;
}

}  // namespace

std::string fact_key(std::string_view kind, std::string_view call, std::string_view part) {
  std::string key = std::string(kind) + "/" + std::string(call);
  if (!part.empty()) key += "/" + std::string(part);
  return key;
}

std::string feedback_id(std::string_view source, std::string_view idempotency_key) {
  const std::string joined = std::string(source) + '\n' + std::string(idempotency_key);
  return "fb_" + hex(sha256(joined)).substr(0, 26);
}

json::object detail_of(const ToolFact& fact) {
  json::object detail = fact.labels;
  for (const auto& member : fact.texts) detail[member.key()] = member.value();
  return detail;
}

json::object marks_of(const ToolFact& fact) {
  json::object marks{{"tool", fact.tool},
                     {"fact", fact_key(fact.kind, fact.about.value, fact.part)}};
  if (fact.inferred) marks["inferred"] = true;
  if (fact.weak) marks["weak"] = true;
  return marks;
}

store::Feedback to_feedback(const ToolFact& fact, std::string source, std::string person,
                            Time now) {
  store::Feedback feedback;
  feedback.source = std::move(source);
  feedback.idempotency_key = fact_key(fact.kind, fact.about.value, fact.part);
  feedback.id = feedback_id(feedback.source, feedback.idempotency_key);
  feedback.handle = fact.about;
  feedback.kind = fact.kind;
  feedback.by = fact.by;
  feedback.person = std::move(person);
  feedback.value = fact.value;
  feedback.final_text = fact.final_text;
  feedback.comment = fact.comment;
  feedback.detail = detail_of(fact);
  for (const auto& member : marks_of(fact)) feedback.detail[member.key()] = member.value();
  feedback.at = fact.at;
  feedback.received_at = now;
  return feedback;
}

std::string decider_of(std::string_view source, bool accepted) {
  const std::string word = lower_word(source);
  if (word.starts_with("user")) return "person";
  if (word == "automatedreviewer" || word == "automated_reviewer") return "agent";
  if (accepted) return "automatic";
  return word == "config" || word == "hook" ? "policy" : "unknown";
}

std::optional<ToolFact> refusal_in(std::string_view tool, std::string_view tool_call,
                                   std::string_view text, const MiningRules& rules) {
  Followed followed{.tool = std::string(tool)};
  followed.answer = wire::make_message(
      "assistant", {json::object{{"type", "tool_call"}, {"id", tool_call}, {"name", ""}}});
  followed.messages.push_back(
      wire::make_message("tool", {json::object{{"type", "tool_result"},
                                               {"id", tool_call},
                                               {"content", json::array{wire::text_part(text)}},
                                               {"is_error", true}}}));
  for (const Finding& finding : read_reply(followed, rules)) {
    if (finding.tool_call != tool_call) continue;
    ToolFact fact{.tool = std::string(tool),
                  .about = {"tool_call", std::string(tool_call)},
                  .kind = finding.kind,
                  .by = finding.by};
    fact.weak = finding.weak;
    fact.comment = finding.comment;
    fact.labels = {{"rule", finding.rule}, {"version", rules.version}};
    return fact;
  }
  return std::nullopt;
}

std::string_view text_as_written(const json::object& result) {
  auto text = string_or_empty(result, "content");
  if (text.empty()) text = string_or_empty(result, "newString");
  return text.size() <= kWrittenBytes ? text : std::string_view();
}

std::string lower_word(std::string_view text) {
  return lower_case(text.substr(0, 256));
}

std::string brief_digest(std::string_view text) {
  return hex(sha256(text)).substr(0, 16);
}

std::string safe_label(std::string_view word) {
  std::string label;
  for (const char c : word.substr(0, kLabelBytes)) label += is_label_character(c) ? c : '_';
  return label;
}

std::string_view beginning_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

bool truth_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool is_call_id(std::string_view id) {
  return !id.empty() && id.size() <= kHandleBytes;
}

Time plausible_time(std::string_view text, Time now) {
  if (text.empty() || text.size() > 64) return now;
  const auto time = parse_time(text);
  return time && *time >= now - kEarliest && *time <= now + kLatest ? *time : now;
}

}  // namespace hone::feedback
