// What coding tools write down and tell by themselves.
#include <algorithm>

#include "capture/import_records.h"
#include "capture/transcript_reader.h"
#include "feedback/claude_hooks.h"
#include "feedback/editor_events.h"
#include "feedback/transcript_facts.h"
#include "fuzz/targets.h"
#include "wire/message.h"

namespace hone::fuzz {
namespace {

std::vector<json::object> records_in(std::string_view bytes) {
  std::vector<json::object> all;
  capture::FileShape shape;
  shape.format = "jsonl";
  auto records = capture::read_records(capture::bytes_of(bytes), "", shape);
  while (records) {
    auto record = (*records)->next();
    if (record && !*record) break;
    if (record) all.push_back(std::move(**record));
    if (!record && !(*records)->may_go_on()) break;
  }
  return all;
}

// A fact has a kind and a decider that the store knows, and as a record it can be read again.
void must_be_sound(const feedback::ToolFact& fact) {
  const auto& kinds = store::feedback_kinds();
  must(std::ranges::find(kinds, fact.kind) != kinds.end(), "a fact of no kind");
  must(fact.by == "person" || fact.by == "automatic" || fact.by == "policy" || fact.by == "agent" ||
           fact.by == "unknown",
       "a fact that nobody decided");
  must(fact.about.value.size() <= 512, "a handle that is too long");
  const auto record = feedback::to_feedback(fact, "fuzz:", "per_1", fact.at);
  const auto again = store::read_feedback(store::to_payload(record));
  must(again.has_value(), "a record that cannot be read");
  must(again->kind == fact.kind && again->by == fact.by, "a record that says something else");
}

void must_be_sound(const std::vector<feedback::ToolFact>& facts) {
  for (const feedback::ToolFact& fact : facts) {
    must(!fact.about.value.empty(), "a fact about nothing");
    must_be_sound(fact);
  }
}

capture::ImportParts& transcript_parts() {
  static const auto redactor = privacy::Redactor::create("fuzz").value();
  static ManualClock clock{from_millis(1'800'000'000'000)};
  static capture::ImportParts parts{*redactor, "fuzz", clock};
  return parts;
}

void read_calls(const std::vector<json::object>& records,
                std::unique_ptr<capture::TranscriptReader> reader) {
  const capture::ImportOptions options;
  const auto sink = capture::dry_sink({});
  capture::ImportWriter writer(options, transcript_parts(), sink);
  for (const json::object& record : records) (void)reader->read(record);
  std::size_t calls = 0;
  for (auto call = reader->next(writer); call; call = reader->next(writer)) {
    must(++calls <= records.size(), "more calls than records");
    must(!call->messages.empty() || !call->context.empty(), "a call without a context");
    must(wire::role_of(call->answer) == "assistant", "an answer that no model gave");
    must(!call->key.empty() && call->duration_ms >= 0, "a call without a key");
    must(call->prompt_tokens >= call->cached_tokens || call->wire != "anthropic-messages",
         "more tokens from the cache than there were");
    must(writer.add(*call).has_value(), "a call that cannot be written");
  }
}

}  // namespace

void transcript(std::string_view bytes) {
  const auto records = records_in(bytes);
  feedback::TranscriptFacts facts;
  for (const json::object& record : records) must_be_sound(facts.read(record));
  read_calls(records, capture::read_claude_transcript());
  read_calls(records, capture::read_codex_transcript());
}

void tool_events(std::string_view bytes) {
  feedback::ClaudeHooks hooks(feedback::default_mining_rules(), 4);
  Time now = from_millis(1'800'000'000'000);
  for (const json::object& event : records_in(bytes)) {
    now += std::chrono::milliseconds(400);
    if (const auto facts = hooks.read(event, "key", now)) {
      must_be_sound(*facts);
      const bool decides_itself = string_or_empty(event, "permission_mode") == "auto";
      for (const feedback::ToolFact& fact : *facts) {
        must(!decides_itself || fact.kind != "accepted" || fact.by == "automatic",
             "an automatic approval that is an acceptance");
      }
    }
    must(hooks.sessions() <= 4, "more sessions than are remembered");
    for (const auto read : {feedback::read_continue_event, feedback::read_tabby_event}) {
      const auto said = read(event, now);
      if (!said) continue;
      must_be_sound(said->facts);
      if (!said->suggestion) continue;
      must_be_sound(said->suggestion->fact);
      must(!said->suggestion->prompt.empty() && !said->suggestion->text.empty(),
           "a suggestion without a word");
    }
  }
}

}  // namespace hone::fuzz
