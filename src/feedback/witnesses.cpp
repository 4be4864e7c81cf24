#include "feedback/witnesses.h"

#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "feedback/tool_fact.h"

namespace hone::feedback {
namespace {

bool was_mined(const Signal& signal) {
  return signal.source.starts_with("mined:");
}

// The lower the better.
int rank_of(const Signal& witness) {
  if (witness.weak) return 3;
  if (witness.inferred) return 2;
  return was_mined(witness) ? 1 : 0;
}

auto order_of(const Signal& witness, const Policy& policy) {
  return std::make_tuple(rank_of(witness), policy.weight(witness.kind, witness.by, witness.source),
                         witness.at, std::string_view(witness.id));
}

// The tool says of every call that nobody was asked.
bool all_automatic(const std::vector<Signal>& signals) {
  bool any = false;
  for (const Signal& one : signals) {
    if (was_mined(one) || one.inferred || one.kind != "accepted") continue;
    if (one.by != "automatic") return false;
    any = true;
  }
  return any;
}

}  // namespace

void read_witness(std::string_view detail, Signal& signal) {
  if (detail.size() <= 2) return;  // most have none
  const bool mined = was_mined(signal);
  if (!mined && detail.find("\"fact\"") == std::string_view::npos) return;
  const auto read = parse_json_object(detail);
  if (!read) return;
  signal.weak = truth_at(*read, "weak");
  signal.inferred = truth_at(*read, "inferred");
  const auto call = string_or_empty(*read, "tool_call");
  if (mined && !call.empty()) signal.fact = fact_key(signal.kind, call);
  if (!mined) signal.fact = string_or_empty(*read, "fact");
}

Witnesses::Witnesses(const std::vector<Signal>& signals, const Policy& policy)
    : all_automatic_(all_automatic(signals)) {
  for (const Signal& signal : signals) {
    if (signal.fact.empty()) continue;
    const Signal*& best = best_[signal.fact];
    if (best == nullptr || order_of(signal, policy) < order_of(*best, policy)) best = &signal;
  }
}

std::string Witnesses::better_than(const Signal& signal) const {
  if (all_automatic_ && was_mined(signal) && signal.weak && signal.kind == "accepted") {
    return "a guess, and the tool says that nobody was asked";
  }
  const auto best = best_.find(signal.fact);
  if (best == best_.end() || best->second == &signal) return "";
  return "reported by " + best->second->source + ": the same fact, told by several";
}

}  // namespace hone::feedback
