// What two editors' extensions post by themselves of what became of a suggestion.
//
// Continue (config.yaml, `data`): {"name", "data", "schema"}. Its completions, edits and ratings
// name no call that passed through Hone, but hold the prompt and the text: a suggestion of their
// own. Its tool calls are named. Tabby: {"type", "completion_id", "choice_index"}, which names the
// response.
//
// Not all of it says who decided. A completion that was not taken may have been refused or not been
// seen; a tool call that ran may have been allowed by a setting, and so counts as automatic.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "feedback/tool_fact.h"

namespace hone::feedback {

// A call that Hone did not see, whole.
struct Suggestion {
  std::string key;      // names it among those of its editor
  std::string purpose;  // "autocomplete", "edit", "chat"
  std::string model;
  std::string session;
  std::string prompt;
  std::string text;
  Time at{};
  std::int64_t duration_ms = 0;
  ToolFact fact;  // about it; its handle is empty
};

struct EditorEvent {
  std::vector<ToolFact> facts;  // about calls that have a handle
  std::optional<Suggestion> suggestion;
  std::string left_out;  // why there is nothing, where there might be: "no_code", "no_opinion"
};

// kNotFound: an event that says nothing of a suggestion, or is not known; kInvalid names the field.
[[nodiscard]] Result<EditorEvent> read_continue_event(const json::object& body, Time now);
[[nodiscard]] Result<EditorEvent> read_tabby_event(const json::object& body, Time now);

}  // namespace hone::feedback
