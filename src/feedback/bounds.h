// Bounds on what many signals of one origin add to one verdict: a person's, a team's, and those of
// a brigade: a burst of people who say the same of one answer. A burst weighs no more together than
// the policy's [brigade] says, however many they are; the same bound holds for a merely popular
// answer, whose verdict is then as strong as one person's word and no weaker. Signals by
// "automatic" and "policy" are observations and rules, nobody's word, and have no bound here.
#pragma once

#include <vector>

#include "feedback/verdict.h"

namespace hone::feedback {

// Scales the log-odds of `reasons`, which belong to `signals` one by one, in the order of their
// times.
void keep_in_bounds(const std::vector<Signal>& signals, const Policy& policy,
                    std::vector<Reason>& reasons);

// For the arithmetic shown to people.
inline constexpr std::string_view kBrigadeStep = "one of a burst";
inline constexpr std::string_view kPersonStep = "one person's share";
inline constexpr std::string_view kTeamStep = "one team's share";

}  // namespace hone::feedback
