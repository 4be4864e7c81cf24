// The verdict policy: what each kind of signal says and how much it weighs, in log-odds, by who
// decided; what makes a verdict contested; and how people's habits and bursts are held in bounds.
// It is a TOML file with a version (recipes/verdict.toml, whose text is built in as the default);
// the format and the arithmetic are in docs/formats/verdict.md. What a file does not name is not
// done: one without [habits], [brigade] and caps takes every signal at its word.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::feedback {

// What a signal of a kind speaks for.
enum class Direction {
  kFor,      // the answer as it was given
  kAgainst,  // against that answer
  kValue,    // by the signal's value, see ValueScale
  kFinal,    // another text in its place, which comes with the signal
  kNone,     // nothing by itself
};

using WeightByDecider = std::map<std::string, double, std::less<>>;  // log-odds, at least 0

// How a value from 0 to 1 speaks: 0 at `neutral`, 1 at 1, -`against` at `worst` and below, straight
// between. As it stands here: 2 * value - 1.
struct ValueScale {
  double neutral = 0.5;
  double worst = 0;
  double against = 1;

  [[nodiscard]] double said(double value) const;
};

struct KindPolicy {
  Direction direction = Direction::kNone;
  WeightByDecider weight_by;  // person, agent, …
  ValueScale scale;
  bool latest = false;        // looks at the same thing: an observer's newest stands for all
  double half_life_days = 0;  // beside newer evidence that says otherwise; 0: never fades
  // A look from so many seconds after the event on weighs so many times as much.
  std::vector<double> after, times;

  [[nodiscard]] double rung(double after_seconds) const;
};

// Other weights for signals of one source, where they have been measured apart.
struct SourcePolicy {
  std::string match;  // the source, or its beginning and "*"
  std::string kind;
  WeightByDecider weight_by;
};

// People who accept or reject by habit (feedback/habits.h).
struct HabitPolicy {
  bool on = false;
  double opinions = 20;  // of a person, below which nothing is held against them
  double least = 0.1;    // share of its weight that an opinion keeps in any case
};

// Many people who say the same of one answer within a short time (feedback/bounds.h).
struct BrigadePolicy {
  double persons = 0;  // from how many on; 0: never
  std::chrono::milliseconds window{};
  double weight = 0;  // log-odds that all of them have together
};

struct Policy {
  std::string version;
  std::string digest;      // SHA-256 of the text, so that an edit without a new version is seen too
  double repeat = 0.5;     // the n-th signal of a kind from one decider counts repeat^(n-1)
  double weak = 0.25;      // what was mined by a guess counts so much of its weight
  double contested = 1.5;  // log-odds on the weaker side from which a verdict is contested,
  double contested_share = 0;  // and its share of all evidence
  double fresh_days = 1;       // so old, evidence has not begun to fade
  double person_cap = 0;       // log-odds that one person, or one team's people, add to a side;
  double team_cap = 0;         // 0: no cap
  std::map<std::string, KindPolicy, std::less<>> kinds;
  std::vector<SourcePolicy> sources;
  HabitPolicy habits;
  BrigadePolicy brigade;

  // 0 for a kind or a decider that the policy does not name.
  [[nodiscard]] double weight(std::string_view kind, std::string_view by,
                              std::string_view source = {}) const;
  [[nodiscard]] Direction direction(std::string_view kind) const;
  [[nodiscard]] const KindPolicy* kind(std::string_view name) const;  // null: not named
};

// `name` is the file's, for messages.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text, std::string name);

// recipes/verdict.toml as it was when this program was built.
[[nodiscard]] std::string_view default_policy_text();
[[nodiscard]] const Policy& default_policy();

}  // namespace hone::feedback
