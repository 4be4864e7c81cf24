// What a tool told of a call, by whichever way it told: a hook, telemetry, a transcript, an event
// post. One thing that happened is one fact, named by its kind and by the call that it is about
// ("accepted/toolu_01…"), and each way by which it came is a witness of it: a row of feedback with
// a source of its own and the fact's name as its idempotency key. So a witness that speaks twice is
// stored once, all witnesses are kept, and a verdict counts the fact once (feedback/witnesses.h).
//
//   ToolFact fact{.tool = "claude-code", .about = {"tool_call", id}, .kind = "accepted"};
//   fact.by = decider_of("user_temporary", true);
//   auto record = to_feedback(fact, "otlp:" + key, person, now);
//
// Texts must have been redacted before `to_feedback`. Whoever reads a tool's reports uses this.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "feedback/mining_rules.h"
#include "store/records.h"

namespace hone::feedback {

struct ToolFact {
  std::string tool;     // as in interaction.tool
  store::Handle about;  // {"tool_call", id} where it is about one, or {"response", id}
  std::string kind;     // as store::feedback_kinds() has them
  std::string by;       // person, automatic, policy, agent, unknown
  // The tool did not say so; it follows from what it did say. Counts nothing beside a witness who
  // was told.
  bool inferred = false;
  bool weak = false;      // a guess, as the miner makes them
  std::string part = {};  // tells facts of one kind about one call apart
  std::optional<double> value = {};
  std::optional<std::string> comment = {};
  std::optional<std::string> final_text = {};
  json::object labels = {};  // of detail: words of a tool's own, numbers, truths
  json::object texts = {};   // of detail: what may hold anything, to be redacted
  Time at{};
};

// Of a kind and a call's id: what all witnesses of the fact call it.
[[nodiscard]] std::string fact_key(std::string_view kind, std::string_view call,
                                   std::string_view part = {});

// The id that the same source and key always give: what is delivered again comes at another time,
// and is answered as the first.
[[nodiscard]] std::string feedback_id(std::string_view source, std::string_view idempotency_key);

// Labels and texts as one: what column detail has besides the marks.
[[nodiscard]] json::object detail_of(const ToolFact& fact);

// What feedback/witnesses.h reads of it in column detail: names and truths, no text of anybody's.
[[nodiscard]] json::object marks_of(const ToolFact& fact);

// The record of one witness. `source` names who reported, with the caller's key or person in it:
// nobody can speak in another's name.
[[nodiscard]] store::Feedback to_feedback(const ToolFact& fact, std::string source,
                                          std::string person, Time now);

// Who decided, by a tool's own word for it: Claude Code's decision_source (user_temporary, config,
// hook, …), Codex's (User, Config, AutomatedReviewer). What no person and no reviewer approved was
// approved automatically, whatever new word a tool may have for that.
[[nodiscard]] std::string decider_of(std::string_view source, bool accepted);

// The refusal that the result of a tool call tells of, by the rules for mining; none where it is a
// result like others. Said by the tool: not inferred.
[[nodiscard]] std::optional<ToolFact> refusal_in(std::string_view tool, std::string_view tool_call,
                                                 std::string_view text, const MiningRules& rules);

// What a person made of Claude Code's proposal, by the result of the call: Write's content, Edit's
// new text. "" where it does not say, or has over 256 KiB.
[[nodiscard]] std::string_view text_as_written(const json::object& result);

// A word that a tool writes in one case or another: its first 256 bytes, in small letters.
[[nodiscard]] std::string lower_word(std::string_view text);

// Letters, digits and ._:/- of a tool's word, at most 64: what may be kept without redaction.
[[nodiscard]] std::string safe_label(std::string_view word);

// Tells texts apart in a key that must not hold them.
[[nodiscard]] std::string brief_digest(std::string_view text);

// The beginning of a text, at most so many bytes, cut at a character's end.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t most);

// Reads without complaint.
[[nodiscard]] bool truth_at(const json::object& object, std::string_view name);

// Ids by which calls are named: neither empty nor longer than a handle may be.
[[nodiscard]] bool is_call_id(std::string_view id);

// A client's time where it can be true, or else ours: clocks are wrong by a day.
[[nodiscard]] Time plausible_time(std::string_view text, Time now);

}  // namespace hone::feedback
