// The verdict: what all feedback on one interaction amounts to under a policy. Pure: the same
// signals, policy and answer give the same verdict, in whatever order the signals arrived.
//
//   const auto verdict = decide(signals, default_policy(), answer);
//   if (verdict && verdict->kind == VerdictKind::kModified) learn_from(*verdict->final_text);
//
// No evidence (no signals, or only such as weigh nothing, like an automatic approval) gives no
// verdict.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/policy.h"
#include "feedback/signal.h"

namespace hone::feedback {

enum class VerdictKind { kAccepted, kModified, kRejected, kContested };

[[nodiscard]] std::string_view name(VerdictKind kind);  // "accepted", "modified", …

// Why a signal's weight was multiplied, and by how much.
struct Step {
  std::string why;
  double times = 1;
};

// One line of the arithmetic: log_odds = said * weight * the steps, one after the other.
struct Reason {
  std::string signal;  // its id
  std::string kind;
  std::string by;
  double log_odds = 0;  // what it added: over 0 for the text in question, under 0 against it
  std::string note;     // why it counted as it did; empty where nothing is odd
  std::string source{};
  double said = 0;  // mostly from -1 to 1; 0 where it counts nothing
  double weight = 0;
  std::vector<Step> steps{};
};

// All signals weighed. The text in question is the newest final text that somebody whose word
// counts gave, or else the answer itself; signals from before a final text were about another text.
struct Weighing {
  std::vector<Reason> reasons;  // in the order of the signals' times
  double supporting = 0;        // log-odds for the text in question, and against it: both >= 0
  double opposing = 0;
  bool edited = false;                    // the text in question is another than the answer
  std::optional<std::string> final_text;  // empty too where an edit came without its text
  Time newest{};
};

struct Verdict {
  VerdictKind kind = VerdictKind::kContested;
  double strength = 0;                    // 0 to 1: tanh(|log_odds| / 2)
  double log_odds = 0;                    // supporting less opposing
  std::optional<std::string> final_text;  // modified only, where known
  std::optional<double>
      edit_distance;  // of the final text from the answer; 0 where accepted as it is
  std::vector<Reason> reasons;
  Time decided_at{};  // time of the newest signal
};

// The probability that log-odds stand for.
[[nodiscard]] double chance_of(double log_odds);

[[nodiscard]] Weighing weigh(std::vector<Signal> signals, const Policy& policy,
                             std::string_view original_text);
[[nodiscard]] std::optional<Verdict> decide(std::vector<Signal> signals, const Policy& policy,
                                            std::string_view original_text);

}  // namespace hone::feedback
