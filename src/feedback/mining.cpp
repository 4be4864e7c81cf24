#include "feedback/mining.h"

#include <algorithm>

#include "base/text.h"
#include "feedback/edit_distance.h"
#include "feedback/tool_fact.h"
#include "wire/message.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kCommentBytes = 16U << 10;
constexpr std::size_t kComparedBytes = 8U << 10;  // of prompts: edit distance costs their product

// Cut at a character's end; none where nothing was said.
std::optional<std::string> as_comment(std::string_view text) {
  text = beginning_of(trimmed(text), kCommentBytes);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

// The texts of a tool's result, one after the other.
std::string text_of_result(const json::object& result) {
  std::string text;
  const auto* content = result.if_contains("content");
  const auto* parts = content == nullptr ? nullptr : content->if_array();
  if (parts == nullptr) return text;
  for (const json::value& value : *parts) {
    const auto* part = value.if_object();
    if (part != nullptr) text += string_or_empty(*part, "text");
  }
  return text;
}

bool fits(const PhraseRule& rule, std::string_view tool, std::string_view text) {
  if (!names_tool(rule.tools, tool)) return false;
  const bool begins =
      std::ranges::any_of(rule.begins, [&](auto& phrase) { return text.starts_with(phrase); });
  return begins && (rule.contains.empty() || text.find(rule.contains) != std::string_view::npos);
}

std::optional<std::string> words_behind(const PhraseRule& rule, std::string_view text) {
  if (rule.words_after.empty()) return std::nullopt;
  const auto at = text.find(rule.words_after);
  if (at == std::string_view::npos) return std::nullopt;
  return as_comment(text.substr(at + rule.words_after.size()));
}

template <typename Visit>
void each_part(const json::object& message, std::string_view type, Visit visit) {
  for (const json::value& value : wire::content_of(message)) {
    const auto* part = value.if_object();
    if (part != nullptr && string_or_empty(*part, "type") == type) visit(*part);
  }
}

// A reading of one reply. Each step looks at what the ones before it found.
class Reading {
 public:
  Reading(const Followed& followed, const MiningRules& rules)
      : followed_(followed), rules_(rules), calls_(tool_calls_of(followed.answer)) {
    for (std::size_t i = 0; i < followed_.messages.size(); ++i) {
      const auto& message = followed_.messages[i];
      if (wire::role_of(message) == "tool") read_results(message, i);
      if (wire::role_of(message) == "user") read_typed(message, i);
    }
  }

  std::vector<Finding> take() {
    // Esc in a dialog refuses the call and interrupts: one act. What the person types next is the
    // comment on it.
    const auto stopped = std::ranges::find_if(
        findings_, [](auto& found) { return found.by == "person" || found.by == "unknown"; });
    if (stopped != findings_.end()) {
      if (!stopped->comment) stopped->comment = as_comment(typed_);
    } else if (interrupted_at_) {
      read_interruption();
    } else if (findings_.empty() && !typed_.empty()) {
      calls_.empty() ? read_words() : read_comment();
    }
    return std::move(findings_);
  }

 private:
  void read_results(const json::object& message, std::size_t index) {
    each_part(message, "tool_result", [&](const json::object& result) {
      const std::string id(string_or_empty(result, "id"));
      if (std::ranges::find(calls_, id) == calls_.end()) return;  // of an earlier answer
      const bool failed = truth_at(result, "is_error");
      went_well_ += failed ? 0 : 1;
      const std::string text = text_of_result(result);
      for (const auto& rule : rules_.refusals) {
        if ((rule.failed_only && !failed) || !fits(rule, followed_.tool, trimmed(text))) continue;
        findings_.push_back(
            {rule.name, rule.kind, rule.by, rule.weak, words_behind(rule, text), index, id, ""});
        return;
      }
    });
  }

  void read_typed(const json::object& message, std::size_t index) {
    if (is_interruption(message, followed_.tool, rules_) && !interrupted_at_) {
      interrupted_at_ = index;
    }
    const std::string text = typed_text(message, rules_);
    if (text.empty()) return;
    if (typed_.empty()) typed_at_ = index;
    typed_ += (typed_.empty() ? "" : "\n") + text;
  }

  void read_interruption() {
    for (const auto& rule : rules_.interruptions) {
      if (!names_tool(rule.tools, followed_.tool)) continue;
      findings_.push_back(
          {rule.name, rule.kind, rule.by, rule.weak, as_comment(typed_), *interrupted_at_, "", ""});
      return;
    }
  }

  // Weak: that the person was there is seen, that the person allowed the call is concluded. In an
  // automatic mode the same words could have been typed while it ran.
  void read_comment() {
    if (!names_tool(rules_.commented_tools, followed_.tool) || went_well_ < calls_.size()) return;
    findings_.push_back(
        {"commented", "accepted", "person", true, as_comment(typed_), typed_at_, "", ""});
  }

  void read_words() {
    const std::string answer = wire::text_of(followed_.answer);
    const auto* rule = match_words(rules_, typed_, trimmed(answer).ends_with('?'));
    if (rule == nullptr) return;
    findings_.push_back({rule->name, rule->kind, "person", true, as_comment(typed_), typed_at_, "",
                         rule->language});
  }

  const Followed& followed_;
  const MiningRules& rules_;
  const std::vector<std::string> calls_;
  std::vector<Finding> findings_;
  std::size_t went_well_ = 0;  // results that are no errors
  std::optional<std::size_t> interrupted_at_;
  std::string typed_;
  std::size_t typed_at_ = 0;
};

// A tool's mark of an interruption is a text of its own in the message.
bool is_mark(const json::object& part, std::string_view tool, const MiningRules& rules) {
  const auto text = trimmed(string_or_empty(part, "text"));
  return std::ranges::any_of(rules.interruptions,
                             [&](auto& rule) { return fits(rule, tool, text); });
}

}  // namespace

std::vector<std::string> tool_calls_of(const json::object& message) {
  std::vector<std::string> ids;
  each_part(message, "tool_call",
            [&](const json::object& part) { ids.emplace_back(string_or_empty(part, "id")); });
  return ids;
}

bool is_interruption(const json::object& message, std::string_view tool, const MiningRules& rules) {
  bool found = false;
  each_part(message, "text",
            [&](const json::object& part) { found = found || is_mark(part, tool, rules); });
  return found;
}

std::string typed_text(const json::object& message, const MiningRules& rules) {
  std::string typed;
  each_part(message, "text", [&](const json::object& part) {
    const auto text = trimmed(string_or_empty(part, "text"));
    const bool mark = std::ranges::any_of(rules.interruptions, [&](auto& rule) {
      return std::ranges::any_of(rule.begins, [&](auto& begin) { return text.starts_with(begin); });
    });
    if (mark || is_machine_text(rules, text)) return;
    if (!typed.empty()) typed += '\n';
    typed += text;
  });
  return typed;
}

std::vector<Finding> read_reply(const Followed& followed, const MiningRules& rules) {
  return Reading(followed, rules).take();
}

bool is_rewritten(std::string_view earlier, std::string_view later, const MiningRules& rules) {
  if (earlier.size() > kComparedBytes || later.size() > kComparedBytes) return false;
  const double distance = edit_distance(earlier, later);
  return distance > 0 && distance <= rules.rewritten_distance;
}

}  // namespace hone::feedback
