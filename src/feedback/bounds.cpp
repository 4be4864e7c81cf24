#include "feedback/bounds.h"

#include <cmath>
#include <map>
#include <unordered_map>

namespace hone::feedback {
namespace {

using Members = std::vector<std::size_t>;  // indices of signals, in the order of their times

bool is_somebodys_word(const Signal& signal) {
  return signal.by != "automatic" && signal.by != "policy";
}

// Those who speak for the text in question (side 1) or against it (-1).
Members members_of_side(const std::vector<Signal>& signals, const std::vector<Reason>& reasons,
                        int side) {
  Members members;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (reasons[i].log_odds * side > 0 && is_somebodys_word(signals[i])) members.push_back(i);
  }
  return members;
}

void hold_to(double bound, const Members& members, std::string_view why,
             std::vector<Reason>& reasons) {
  double sum = 0;
  for (const auto i : members) sum += std::abs(reasons[i].log_odds);
  if (sum <= bound) return;
  for (const auto i : members) {
    reasons[i].log_odds *= bound / sum;
    reasons[i].steps.push_back({std::string(why), bound / sum});
  }
}

// Members that stand in some window with at least as many speakers as make a burst.
Members members_of_bursts(const std::vector<Signal>& signals, const Members& members,
                          const BrigadePolicy& brigade) {
  Members found;
  std::unordered_map<std::string_view, int> inside;  // signals by speaker
  std::size_t begin = 0;
  std::size_t unmarked = 0;
  for (std::size_t end = 0; end < members.size(); ++end) {
    ++inside[speaker(signals[members[end]])];
    while (signals[members[end]].at - signals[members[begin]].at > brigade.window) {
      const auto leaves = inside.find(speaker(signals[members[begin++]]));
      if (--leaves->second == 0) inside.erase(leaves);
    }
    if (static_cast<double>(inside.size()) < brigade.persons) continue;
    for (unmarked = std::max(unmarked, begin); unmarked <= end; ++unmarked) {
      found.push_back(members[unmarked]);
    }
  }
  return found;
}

// Bursts that follow each other within a window are one: a brigade that goes on is no better.
void hold_bursts(const std::vector<Signal>& signals, const Members& members,
                 const BrigadePolicy& brigade, std::vector<Reason>& reasons) {
  Members burst;
  for (const auto i : members_of_bursts(signals, members, brigade)) {
    if (!burst.empty() && signals[i].at - signals[burst.back()].at > brigade.window) {
      hold_to(brigade.weight, burst, kBrigadeStep, reasons);
      burst.clear();
    }
    burst.push_back(i);
  }
  hold_to(brigade.weight, burst, kBrigadeStep, reasons);
}

template <typename Key>
void hold_each(const Members& members, double bound, std::string_view why, const Key& key_of,
               std::vector<Reason>& reasons) {
  std::map<std::string_view, Members> groups;
  for (const auto i : members) {
    const std::string& key = key_of(i);
    if (!key.empty()) groups[key].push_back(i);
  }
  for (const auto& [key, group] : groups) hold_to(bound, group, why, reasons);
}

}  // namespace

void keep_in_bounds(const std::vector<Signal>& signals, const Policy& policy,
                    std::vector<Reason>& reasons) {
  if (signals.size() < 2) return;
  for (const int side : {1, -1}) {
    const Members members = members_of_side(signals, reasons, side);
    if (members.size() < 2) continue;
    if (policy.brigade.persons > 0) hold_bursts(signals, members, policy.brigade, reasons);
    if (policy.person_cap > 0) {
      const auto person = [&](std::size_t i) -> const std::string& { return speaker(signals[i]); };
      hold_each(members, policy.person_cap, kPersonStep, person, reasons);
    }
    if (policy.team_cap > 0) {
      const auto team = [&](std::size_t i) -> const std::string& { return signals[i].team; };
      hold_each(members, policy.team_cap, kTeamStep, team, reasons);
    }
  }
}

}  // namespace hone::feedback
