#include "feedback/verdict.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "feedback/bounds.h"
#include "feedback/edit_distance.h"
#include "feedback/habits.h"
#include "feedback/witnesses.h"

namespace hone::feedback {
namespace {

// An edit that changed nothing approves of what was there; one that left nothing rejects it.
// Editors add and drop blanks at the ends; that changes nothing anybody meant.
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

// Why each signal counts nothing for what the same decider said later; "" where it counts. People
// change their opinions, and the last one stands; of an observer's looks at the same thing the
// newest says all, from as high a rung as any of those it stands for; and where he then says that
// it was undone, his looks at it are past, whoever undid it. One pass from the end, for there may
// be thousands of signals.
std::vector<std::string_view> settled_later(std::vector<Signal>& signals, const Policy& policy) {
  std::vector<std::string_view> notes(signals.size());
  if (signals.size() < 2) return notes;
  struct Later {
    bool approved = false;
    bool turned_down = false;
    // By kind and part of the answer: the newest look.
    std::map<std::pair<std::string_view, std::string_view>, std::size_t> looked_at;
  };
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Key, Later> by_decider;
  std::set<Key> undone;  // source, person, part of the answer
  for (std::size_t i = signals.size(); i-- > 0;) {
    const Signal& signal = signals[i];
    Later& later = by_decider[{signal.source, signal.person, signal.by}];
    const int said = opinion(signal);
    if ((said > 0 && later.turned_down) || (said < 0 && later.approved)) {
      notes[i] = "taken back later";
    }
    (said > 0 ? later.approved : later.turned_down) |= said != 0;
    const Key part(signal.source, signal.person, signal.about);
    if (signal.kind == "undone" && !signal.about.empty()) undone.insert(part);
    const KindPolicy* kind = policy.kind(signal.kind);
    if (kind == nullptr || !kind->latest) continue;
    if (undone.contains(part)) {
      notes[i] = "undone later";
      continue;
    }
    if (kind->direction == Direction::kValue && !signal.value) continue;  // who saw nothing
    const auto [newest, is_new] = later.looked_at.try_emplace({signal.kind, signal.about}, i);
    if (is_new) continue;
    notes[i] = "looked at again later";
    double& rung = signals[newest->second].after_seconds;
    rung = std::max(rung, signal.after_seconds);
  }
  return notes;
}

// The newest signal that puts another text in the answer's place; signals.size() where none does.
std::size_t find_final(const std::vector<Signal>& signals, const Policy& policy) {
  for (std::size_t i = signals.size(); i-- > 0;) {
    if (policy.direction(signals[i].kind) != Direction::kFinal) continue;
    if (policy.weight(signals[i].kind, signals[i].by, signals[i].source) > 0) return i;
  }
  return signals.size();
}

// Why what was read out of a conversation counts nothing beside what was said outright; "" where it
// does count. A fact that a tool reported is not counted again for having left its trace in the
// conversation; and a guess is none where a person's word is known.
std::string said_better(const std::vector<Signal>& signals, const Witnesses& witnesses,
                        const Signal& mined, const Policy& policy) {
  if (auto better = witnesses.better_than(mined); !better.empty()) return better;
  if (!is_mined(mined)) return "";
  for (const Signal& other : signals) {
    const bool speaks = policy.weight(other.kind, other.by, other.source) > 0 &&
                        policy.direction(other.kind) != Direction::kNone;
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
  double sign = 0;  // -1 to 1, or as far as the kind's scale goes
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
      return {policy.kind(signal.kind)->scale.said(*signal.value), ""};
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
// `later`: why it is settled by what came after.
Said place_signal(const std::vector<Signal>& signals, std::size_t index, std::size_t final_index,
                  std::string_view later, const Policy& policy) {
  const Signal& signal = signals[index];
  const bool edited = final_index < signals.size();
  if (policy.direction(signal.kind) == Direction::kFinal && index != final_index) {
    const bool agrees = edited && signal.final_text && signals[final_index].final_text &&
                        trimmed(*signal.final_text) == trimmed(*signals[final_index].final_text);
    if (!agrees) return {0, edited ? "another text, replaced by a later one" : ""};
  } else if (edited && index < final_index) {
    return {0, "about the answer before it was changed"};
  }
  if (!later.empty()) return {0, std::string(later)};
  return read_signal(signal, policy);
}

void multiply(Reason& reason, std::string_view why, double times) {
  if (times == 1) return;
  reason.log_odds *= times;
  reason.steps.push_back({std::string(why), times});
}

// What is in the signal itself and in who gave it; `before`: signals like it from the same decider.
void take_steps(const Signal& signal, const Policy& policy, int before, Reason& reason) {
  multiply(reason, "said before", std::pow(policy.repeat, before));
  if (signal.weak) multiply(reason, "a guess", policy.weak);
  if (const KindPolicy* kind = policy.kind(signal.kind)) {
    multiply(reason, "a later look", kind->rung(signal.after_seconds));
  }
  if (policy.habits.on && signal.by == "person" && !signal.habit.none()) {
    multiply(reason, "habit", habit_factor(signal, std::abs(reason.log_odds), policy.habits.least));
  }
  if (signal.weak) reason.note = "a guess: counts less";
  if (before > 0) reason.note = "said before: counts less";
}

// Looks at several parts of one answer (its edits) are one observer's word about it: together they
// count as so many repeats do, and each as much as any other, whichever came last.
void share_among_parts(const std::vector<Signal>& signals, const Policy& policy,
                       std::vector<Reason>& reasons) {
  using Observer = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Observer, std::vector<std::size_t>> looks;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const KindPolicy* kind = policy.kind(signals[i].kind);
    if (kind == nullptr || !kind->latest || reasons[i].said == 0) continue;
    looks[{signals[i].kind, signals[i].source, signals[i].person}].push_back(i);
  }
  for (const auto& [observer, own] : looks) {
    double together = 0, next = 1;
    for (std::size_t n = 0; n < own.size(); ++n, next *= policy.repeat) together += next;
    for (const std::size_t i : own) {
      multiply(reasons[i], "one of several parts", together / static_cast<double>(own.size()));
    }
  }
}

// Evidence fades beside newer evidence that says otherwise: what nobody contradicts stays as it is.
void fade(const std::vector<Signal>& signals, const Policy& policy, std::vector<Reason>& reasons) {
  constexpr double kDay = 24.0 * 3600 * 1000;
  std::array<std::optional<Time>, 2> newest;  // against, for
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (reasons[i].log_odds != 0) newest[reasons[i].log_odds > 0 ? 1 : 0] = signals[i].at;
  }
  if (!newest[0] || !newest[1]) return;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const KindPolicy* kind = policy.kind(signals[i].kind);
    if (reasons[i].log_odds == 0 || kind == nullptr || kind->half_life_days <= 0) continue;
    const Time otherwise = *newest[reasons[i].log_odds > 0 ? 0 : 1];
    const double days =
        static_cast<double>((otherwise - signals[i].at).count()) / kDay - policy.fresh_days;
    if (days > 0) multiply(reasons[i], "faded", std::exp2(-days / kind->half_life_days));
  }
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

int opinion(const Signal& signal) {
  if (signal.kind == "accepted") return 1;
  if (signal.kind == "rejected") return -1;
  if (signal.kind == "rated" && signal.value) return *signal.value >= 0.5 ? 1 : -1;
  return 0;
}

double chance_of(double log_odds) {
  return 1 / (1 + std::exp(-log_odds));
}

Weighing weigh(std::vector<Signal> signals, const Policy& policy, std::string_view original_text) {
  // A merge that only moves the branch has the commit's time, and is the later look all the same.
  std::ranges::sort(signals, {},
                    [](const Signal& s) { return std::tie(s.at, s.after_seconds, s.id); });
  read_plain_edits(signals, policy, original_text);
  const std::size_t final_index = find_final(signals, policy);
  const auto settled = settled_later(signals, policy);
  const Witnesses witnesses(signals, policy);

  Weighing sum;
  sum.edited = final_index < signals.size();
  if (sum.edited) sum.final_text = signals[final_index].final_text;
  using Decider = std::tuple<std::string, std::string, std::string>;
  std::map<Decider, int> counted;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const Signal& signal = signals[i];
    sum.newest = std::max(sum.newest, signal.at);
    Reason reason{signal.id, signal.kind, signal.by, 0, "", signal.source};
    auto said = place_signal(signals, i, final_index, settled[i], policy);
    reason.note = std::move(said.note);
    const double weight = policy.weight(signal.kind, signal.by, signal.source);
    if (said.sign != 0 && weight == 0) reason.note = note_of_no_weight(signal);
    if (said.sign != 0 && weight > 0) {
      reason.note = said_better(signals, witnesses, signal, policy);
      if (reason.note.empty()) {
        reason.said = said.sign;
        reason.weight = weight;
        reason.log_odds = said.sign * weight;
        const KindPolicy* kind = policy.kind(signal.kind);
        const bool look = kind != nullptr && kind->latest;
        const int before = look ? 0 : counted[{signal.kind, signal.source, signal.person}]++;
        take_steps(signal, policy, before, reason);
      }
    }
    sum.reasons.push_back(std::move(reason));
  }
  share_among_parts(signals, policy, sum.reasons);
  fade(signals, policy, sum.reasons);
  keep_in_bounds(signals, policy, sum.reasons);
  for (const Reason& reason : sum.reasons) {
    (reason.log_odds > 0 ? sum.supporting : sum.opposing) += std::abs(reason.log_odds);
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
  const double all = sum.supporting + sum.opposing;
  const bool both = weaker > 0 && weaker >= policy.contested;
  if (verdict.log_odds == 0 || (both && weaker >= policy.contested_share * all)) {
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
