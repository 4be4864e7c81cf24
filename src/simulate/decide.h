// What a person makes of an answer. Pure: the same answer, habits and chance give the same
// decision.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "simulate/people.h"
#include "simulate/work/task.h"

namespace hone::simulate {

enum class Reaction { kAccepted, kEdited, kRejected };

// The spelling of the feedback API: "accepted", "edited", "rejected".
[[nodiscard]] std::string_view name(Reaction reaction);

struct Decision {
  Reaction reaction = Reaction::kRejected;
  std::string final_text;  // what the person made of it; empty unless edited
};

[[nodiscard]] Decision decide(const Domain& domain, const Task& task, std::string_view answer,
                              const Habits& habits, Taste taste, Random& random);

}  // namespace hone::simulate
