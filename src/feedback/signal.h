// One signal of feedback on one interaction, as the verdict policy sees it: what was said, who
// decided it, who reported it and when. Signals come from table `feedback` (feedback/verdicts.h) or
// from a test.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace hone::feedback {

struct Signal {
  std::string id;
  std::string kind;    // as store::feedback_kinds() has them
  std::string by;      // who decided: person, automatic, policy, agent, unknown
  std::string source;  // who reported: "api:<key id>", "import:<name>", "mined", …
  std::string person;  // empty where not known
  std::optional<double> value;
  std::optional<std::string> final_text;
  Time at{};
  bool weak = false;      // mined by a guess: from words, from a second try, from silence
  bool inferred = false;  // the tool did not say so itself
  std::string fact =
      {};  // what happened, whoever tells of it (feedback/tool_fact.h); empty: unnamed
};

}  // namespace hone::feedback
