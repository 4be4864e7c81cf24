#include "feedback/witnesses.h"

#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "feedback/tool_fact.h"

namespace hone::feedback {
namespace {

// Who knows a call's id is not yet its owner: as far as persons are known, nobody's word gives way
// to another's.
bool may_be_one_person(std::string_view one, std::string_view other) {
  return one.empty() || other.empty() || one == other;
}

// The lower the better.
int rank_of(const Signal& witness) {
  if (witness.weak) return 3;
  if (witness.inferred) return 2;
  return is_mined(witness) ? 1 : 0;
}

auto order_of(const Signal& witness, const Policy& policy) {
  return std::make_tuple(rank_of(witness), policy.weight(witness.kind, witness.by, witness.source),
                         witness.at, std::string_view(witness.id));
}

}  // namespace

bool is_mined(const Signal& signal) {
  return signal.source.starts_with("mined:");
}

void read_witness(std::string_view detail, Signal& signal) {
  if (detail.size() <= 2) return;  // most have none
  const bool mined = is_mined(signal);
  if (!mined && detail.find("\"fact\"") == std::string_view::npos) return;
  const auto read = parse_json_object(detail);
  if (!read) return;
  signal.weak = truth_at(*read, "weak");
  signal.inferred = truth_at(*read, "inferred");
  const auto call = string_or_empty(*read, "tool_call");
  if (mined && !call.empty()) signal.fact = fact_key(signal.kind, call);
  if (!mined) signal.fact = string_or_empty(*read, "fact");
}

Witnesses::Witnesses(const std::vector<Signal>& signals, const Policy& policy) {
  std::unordered_map<std::string_view, std::vector<const Signal*>> facts;
  for (const Signal& signal : signals) {
    if (!signal.fact.empty()) facts[signal.fact].push_back(&signal);
    if (is_mined(signal) || signal.inferred || signal.kind != "accepted") continue;
    bool& automatic = automatic_.try_emplace(signal.person, true).first->second;
    automatic = automatic && signal.by == "automatic";
  }
  for (auto& [fact, told] : facts) {
    if (told.size() < 2) continue;
    std::ranges::sort(told, [&policy](const Signal* a, const Signal* b) {
      return order_of(*a, policy) < order_of(*b, policy);
    });
    // Who is outweighed outweighs nobody.
    std::vector<const Signal*> standing;
    for (const Signal* one : told) {
      const auto better = std::ranges::find_if(standing, [&](const Signal* witness) {
        return may_be_one_person(witness->person, one->person);
      });
      if (better == standing.end()) {
        standing.push_back(one);
      } else {
        better_.emplace(one, *better);
      }
    }
  }
}

// The tool says of every call of this person's that nobody was asked.
bool Witnesses::all_automatic(std::string_view person) const {
  bool any = false;
  for (const auto& [who, automatic] : automatic_) {
    if (!may_be_one_person(who, person)) continue;
    if (!automatic) return false;
    any = true;
  }
  return any;
}

std::string Witnesses::better_than(const Signal& signal) const {
  if (is_mined(signal) && signal.weak && signal.kind == "accepted" &&
      all_automatic(signal.person)) {
    return "a guess, and the tool says that nobody was asked";
  }
  const auto better = better_.find(&signal);
  if (better == better_.end()) return "";
  return "reported by " + better->second->source + ": the same fact, told by several";
}

}  // namespace hone::feedback
