#include "feedback/verdict.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "feedback/edit_distance.h"
#include "feedback/witnesses.h"

namespace hone::feedback {
namespace {

// Editors add and drop blanks at the ends; that changes nothing anybody meant.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// An edit that changed nothing approves of what was there; one that left nothing rejects it.
void read_plain_edits(std::vector<Signal>& signals, const Policy& policy,
                      std::string_view original) {
  for (auto& signal : signals) {
    if (policy.direction(signal.kind) != Direction::kFinal || !signal.final_text) continue;
    const auto text = trimmed(*signal.final_text);
    if (text != trimmed(original) && !text.empty()) continue;
    signal.kind = text.empty() ? "rejected" : "accepted";
    signal.final_text.reset();
  }
}

// -1, 0 or 1: what an explicit opinion says; people change these, and the last one stands.
int opinion(const Signal& signal) {
  if (signal.kind == "accepted") return 1;
  if (signal.kind == "rejected") return -1;
  if (signal.kind == "rated" && signal.value) return *signal.value >= 0.5 ? 1 : -1;
  return 0;
}

bool same_decider(const Signal& a, const Signal& b) {
  return a.source == b.source && a.person == b.person && a.by == b.by;
}

bool taken_back(const std::vector<Signal>& signals, std::size_t index) {
  const int said = opinion(signals[index]);
  if (said == 0) return false;
  for (std::size_t later = index + 1; later < signals.size(); ++later) {
    if (opinion(signals[later]) == -said && same_decider(signals[index], signals[later]))
      return true;
  }
  return false;
}

// The newest signal that puts another text in the answer's place; signals.size() where none does.
std::size_t find_final(const std::vector<Signal>& signals, const Policy& policy) {
  for (std::size_t i = signals.size(); i-- > 0;) {
    if (policy.direction(signals[i].kind) != Direction::kFinal) continue;
    if (policy.weight(signals[i].kind, signals[i].by) > 0) return i;
  }
  return signals.size();
}

bool is_mined(const Signal& signal) {
  return signal.source.starts_with("mined:");
}

// Why what was read out of a conversation counts nothing beside what was said outright; "" where it
// does count. A fact that a tool reported is not counted again for having left its trace in the
// conversation; and a guess is none where a person's word is known.
std::string said_better(const std::vector<Signal>& signals, const Signal& mined,
                        const Policy& policy) {
  if (auto better = better_witness(signals, mined, policy); !better.empty()) return better;
  if (!is_mined(mined)) return "";
  for (const Signal& other : signals) {
    const bool speaks =
        policy.weight(other.kind, other.by) > 0 && policy.direction(other.kind) != Direction::kNone;
    if (!speaks) continue;
    if (!is_mined(other) && other.kind == mined.kind && other.by == mined.by) {
      return "reported by " + other.source + ": the same, seen twice";
    }
    const bool outright = !is_mined(other) || !other.weak;
    if (mined.weak && outright && other.by == "person") {
      return "a guess, and " + other.source + " knows better";
    }
  }
  return "";
}

struct Said {
  double sign = 0;  // -1 to 1
  std::string note;
};

Said read_signal(const Signal& signal, const Policy& policy) {
  switch (policy.direction(signal.kind)) {
    case Direction::kFor:
    case Direction::kFinal:
      return {1, ""};
    case Direction::kAgainst:
      return {-1, ""};
    case Direction::kValue:
      if (!signal.value) return {0, "no value given"};
      return {2 * std::clamp(*signal.value, 0.0, 1.0) - 1, ""};
    case Direction::kNone:
      break;
  }
  return {0, "says nothing by itself"};
}

std::string note_of_no_weight(const Signal& signal) {
  if (signal.by == "automatic" && signal.kind == "accepted") {
    return "an automatic approval is not an acceptance";
  }
  return "decided by " + signal.by + ": weighs nothing";
}

// What signals[index] adds to the text that signals[final_index] brought (or to the answer).
Said place_signal(const std::vector<Signal>& signals, std::size_t index, std::size_t final_index,
                  const Policy& policy) {
  const Signal& signal = signals[index];
  const bool edited = final_index < signals.size();
  if (policy.direction(signal.kind) == Direction::kFinal && index != final_index) {
    const bool agrees = edited && signal.final_text && signals[final_index].final_text &&
                        trimmed(*signal.final_text) == trimmed(*signals[final_index].final_text);
    if (!agrees) return {0, edited ? "another text, replaced by a later one" : ""};
  } else if (edited && index < final_index) {
    return {0, "about the answer before it was changed"};
  }
  if (taken_back(signals, index)) return {0, "taken back later"};
  return read_signal(signal, policy);
}

}  // namespace

std::string_view name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kAccepted:
      return "accepted";
    case VerdictKind::kModified:
      return "modified";
    case VerdictKind::kRejected:
      return "rejected";
    case VerdictKind::kContested:
      break;
  }
  return "contested";
}

Weighing weigh(std::vector<Signal> signals, const Policy& policy, std::string_view original_text) {
  std::ranges::sort(signals, {}, [](const Signal& s) { return std::tie(s.at, s.id); });
  read_plain_edits(signals, policy, original_text);
  const std::size_t final_index = find_final(signals, policy);

  Weighing sum;
  sum.edited = final_index < signals.size();
  if (sum.edited) sum.final_text = signals[final_index].final_text;
  using Decider = std::tuple<std::string, std::string, std::string>;
  std::map<Decider, int> counted;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const Signal& signal = signals[i];
    sum.newest = std::max(sum.newest, signal.at);
    Reason reason{signal.id, signal.kind, signal.by, 0, ""};
    auto said = place_signal(signals, i, final_index, policy);
    reason.note = std::move(said.note);
    const double weight = policy.weight(signal.kind, signal.by);
    if (said.sign != 0 && weight == 0) reason.note = note_of_no_weight(signal);
    if (said.sign != 0 && weight > 0) {
      reason.note = said_better(signals, signal, policy);
      if (reason.note.empty()) {
        const int before = counted[{signal.kind, signal.source, signal.person}]++;
        reason.log_odds = said.sign * weight * std::pow(policy.repeat, before);
        if (signal.weak) reason.log_odds *= policy.weak;
        if (signal.weak) reason.note = "a guess: counts less";
        if (before > 0) reason.note = "said before: counts less";
      }
    }
    (reason.log_odds > 0 ? sum.supporting : sum.opposing) += std::abs(reason.log_odds);
    sum.reasons.push_back(std::move(reason));
  }
  return sum;
}

std::optional<Verdict> decide(std::vector<Signal> signals, const Policy& policy,
                              std::string_view original_text) {
  auto sum = weigh(std::move(signals), policy, original_text);
  if (sum.supporting == 0 && sum.opposing == 0) return std::nullopt;
  Verdict verdict;
  verdict.log_odds = sum.supporting - sum.opposing;
  verdict.strength = std::tanh(std::abs(verdict.log_odds) / 2);
  verdict.decided_at = sum.newest;
  verdict.reasons = std::move(sum.reasons);
  const double weaker = std::min(sum.supporting, sum.opposing);
  if (verdict.log_odds == 0 || (weaker > 0 && weaker >= policy.contested)) {
    verdict.kind = VerdictKind::kContested;
  } else if (verdict.log_odds < 0) {
    verdict.kind = VerdictKind::kRejected;
  } else if (sum.edited) {
    verdict.kind = VerdictKind::kModified;
    verdict.final_text = std::move(sum.final_text);
    if (verdict.final_text)
      verdict.edit_distance = edit_distance(original_text, *verdict.final_text);
  } else {
    verdict.kind = VerdictKind::kAccepted;
    verdict.edit_distance = 0;
  }
  return verdict;
}

}  // namespace hone::feedback
