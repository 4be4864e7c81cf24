// The verdict policy: what each kind of signal says and how much it weighs, in log-odds, by who
// decided. It is a TOML file with a version (recipes/verdict.toml, whose text is built in as the
// default); the format and the arithmetic are in docs/formats/verdict.md.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::feedback {

// What a signal of a kind speaks for.
enum class Direction {
  kFor,      // the answer as it was given
  kAgainst,  // against that answer
  kValue,    // for it as far as the signal's value is over 0.5, against it below
  kFinal,    // another text in its place, which comes with the signal
  kNone,     // nothing by itself
};

struct KindPolicy {
  Direction direction = Direction::kNone;
  std::map<std::string, double, std::less<>> weight_by;  // person, agent, …: log-odds, at least 0
};

struct Policy {
  std::string version;
  std::string digest;      // SHA-256 of the text, so that an edit without a new version is seen too
  double repeat = 0.5;     // the n-th signal of a kind from one decider counts repeat^(n-1)
  double weak = 0.25;      // what was mined by a guess counts so much of its weight
  double contested = 1.5;  // log-odds on the weaker side from which a verdict is contested
  std::map<std::string, KindPolicy, std::less<>> kinds;

  // 0 for a kind or a decider that the policy does not name.
  [[nodiscard]] double weight(std::string_view kind, std::string_view by) const;
  [[nodiscard]] Direction direction(std::string_view kind) const;
};

// `name` is the file's, for messages.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text, std::string name);

// recipes/verdict.toml as it was when this program was built.
[[nodiscard]] std::string_view default_policy_text();
[[nodiscard]] const Policy& default_policy();

}  // namespace hone::feedback
