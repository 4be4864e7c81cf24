// One fact, told by several: a hook, telemetry and a transcript all say that a person accepted the
// same call (feedback/tool_fact.h). All their rows are kept; a verdict counts one of them.
//
// Which one: who was told by the tool before who read it in the conversation, before who inferred
// it, before who guessed. Of equals the one that weighs least, for an approval that anybody knows
// to be automatic is no acceptance; then the earliest. What one person is known to have said
// never gives way to what another known person says: who knows a call's id could silence its owner.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "feedback/policy.h"
#include "feedback/signal.h"

namespace hone::feedback {

// Read out of a conversation (feedback/miner.h), not told.
[[nodiscard]] bool is_mined(const Signal& signal);

// Sets `fact`, `inferred` and `weak` of a signal whose kind and source are known, from column
// detail of table `feedback`.
void read_witness(std::string_view detail, Signal& signal);

// The best of each fact's, looked for once: there may be thousands of signals.
class Witnesses {
 public:
  // Both outlive it, and the signals stay where they are.
  Witnesses(const std::vector<Signal>& signals, const Policy& policy);

  // Why `signal`, one of them, counts nothing, another witness of the same fact being better; ""
  // where none is. A mined guess that a person agreed is none where every approval is known to be
  // automatic.
  [[nodiscard]] std::string better_than(const Signal& signal) const;

 private:
  [[nodiscard]] bool all_automatic(std::string_view person) const;

  std::unordered_map<std::string_view, bool> automatic_;  // by person: all that was told of theirs
  std::unordered_map<const Signal*, const Signal*> better_;
};

}  // namespace hone::feedback
