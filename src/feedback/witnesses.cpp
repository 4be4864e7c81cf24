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
  return std::make_tuple(rank_of(witness), policy.weight(witness.kind, witness.by), witness.at,
                         std::string_view(witness.id));
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

std::string better_witness(const std::vector<Signal>& signals, const Signal& signal,
                           const Policy& policy) {
  if (was_mined(signal) && signal.weak && signal.kind == "accepted" && all_automatic(signals)) {
    return "a guess, and the tool says that nobody was asked";
  }
  if (signal.fact.empty()) return "";
  const auto own = order_of(signal, policy);
  for (const Signal& other : signals) {
    if (&other == &signal || other.fact != signal.fact) continue;
    if (order_of(other, policy) < own) {
      return "reported by " + other.source + ": the same fact, told by several";
    }
  }
  return "";
}

}  // namespace hone::feedback
