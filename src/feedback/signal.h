// One signal of feedback on one interaction, as the verdict policy sees it: what was said, who
// decided it, who reported it and when, and what is known of the person. Signals come from the
// store (feedback/cases.h) or from a test.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace hone::feedback {

// What is held against a person's opinions (feedback/habits.h); all 0 where nothing is.
struct Habit {
  double careless = 0;  // share of acceptances that are given to whatever comes
  double contrary = 0;  // share of rejections that are
  double unkept = 0;    // log-odds by which what was accepted fails to last more than others'

  [[nodiscard]] bool none() const { return careless == 0 && contrary == 0 && unkept == 0; }
  [[nodiscard]] bool operator==(const Habit&) const = default;
};

struct Signal {
  std::string id;
  std::string kind;    // as store::feedback_kinds() has them
  std::string by;      // who decided: person, automatic, policy, agent, unknown
  std::string source;  // who reported: "api:<key id>", "import:<name>", "mined", …
  std::string person;  // empty where not known
  std::optional<double> value;
  std::optional<std::string> final_text;
  Time at{};
  bool weak = false;         // mined by a guess: from words, from a second try, from silence
  double after_seconds = 0;  // a look at something so long after it happened; 0 where not said
  std::string about{};       // a look at this part of the answer, or the end of it: a tool call
  std::string team{};        // the person's
  Habit habit{};
  bool inferred = false;  // the tool did not say so itself
  std::string fact{};     // what happened, whoever tells of it (feedback/tool_fact.h)
};

// Whose word it is, for what counts per decider: the person, or else the source.
[[nodiscard]] inline const std::string& speaker(const Signal& signal) {
  return signal.person.empty() ? signal.source : signal.person;
}

// What a person's habit is about: 1 approves of the answer as it is, -1 turns it down, 0 neither.
[[nodiscard]] int opinion(const Signal& signal);

}  // namespace hone::feedback
