// From what both models did to what the gate says: one function a check, each with its reason
// (docs/formats/evaluation.md). Pure.
#pragma once

#include <vector>

#include "curate/recipe.h"
#include "evaluate/gate.h"
#include "evaluate/gate_plan.h"

namespace hone::evaluate {

// Whether there is enough to judge by at all.
[[nodiscard]] Check check_evidence(const std::vector<HeldOut>& held_out,
                                   const curate::GateRecipe& recipe);

[[nodiscard]] std::vector<Check> check_all(const GatePlan& plan, const Measurements& baseline,
                                           const Measurements& candidate,
                                           const curate::GateRecipe& recipe);

}  // namespace hone::evaluate
