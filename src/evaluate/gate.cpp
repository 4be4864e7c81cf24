#include "evaluate/gate.h"

#include <algorithm>

#include "evaluate/gate_checks.h"
#include "evaluate/gate_plan.h"
#include "evaluate/held_out.h"

namespace hone::evaluate {

std::string GateResult::reason() const {
  std::string text;
  for (const auto& check : checks) {
    if (check.passed) continue;
    if (!text.empty()) text += "; ";
    text += check.name + ": " + check.note;
  }
  return text.empty() ? "all checks passed" : text;
}

Result<GateResult> run_gate(const Scorer& scorer, const GateModels& models,
                            const std::string& held_out_file, const curate::GateRecipe& recipe,
                            const GateProgress& progress) {
  auto held_out = read_held_out(held_out_file);
  if (!held_out) return fail(held_out.error());
  GateResult result;
  result.checks.push_back(check_evidence(*held_out, recipe));
  if (!result.checks.back().passed) return result;

  const GatePlan plan = make_plan(std::move(*held_out), recipe);
  const auto named = [&](const std::string& whose) -> StepProgress {
    if (!progress) return {};
    return [&progress, whose](std::string_view step, std::size_t done, std::size_t all) {
      progress(std::string(step) + " " + whose, done, all);
    };
  };
  const auto baseline = measure(scorer, models.baseline, plan, named("baseline"));
  if (!baseline) return fail(baseline.error());
  const auto candidate = measure(scorer, models.candidate, plan, named("candidate"));
  if (!candidate) return fail(candidate.error());
  for (auto& check : check_all(plan, *baseline, *candidate, recipe)) {
    result.checks.push_back(std::move(check));
  }
  result.passed = std::all_of(result.checks.begin(), result.checks.end(),
                              [](const Check& check) { return check.passed; });
  return result;
}

}  // namespace hone::evaluate
