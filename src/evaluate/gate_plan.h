// What the gate measures, drawn from the held-out examples by the recipe's seed: few enough that a
// laptop answers within a minute or so, the same for baseline and candidate. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "curate/recipe.h"
#include "evaluate/held_out.h"
#include "evaluate/scorer.h"

namespace hone::evaluate {

struct GatePlan {
  std::vector<HeldOut> examples;                           // all with a wanted text
  std::vector<std::size_t> edited;                         // whose original is scored too
  std::vector<std::pair<std::size_t, std::size_t>> swaps;  // same domain, other prompt and text
  std::vector<std::size_t> generated;                      // whose prompts are answered
};

// At most this many of each; the recipe's min_examples where that is more.
inline constexpr std::size_t kMostExamples = 48;
inline constexpr std::size_t kMostEdited = 32;
inline constexpr std::size_t kMostSwaps = 24;
inline constexpr std::size_t kMostGenerated = 24;

[[nodiscard]] GatePlan make_plan(std::vector<HeldOut> held_out, const curate::GateRecipe& recipe);

// What one model did with it.
struct Measurements {
  std::vector<Likelihood> wanted;    // by example
  std::vector<Likelihood> original;  // by `edited`
  // By `swaps`, of (i, j): the wanted text of j under the prompt of i, and of i under that of j.
  std::vector<std::pair<Likelihood, Likelihood>> swapped;
  std::vector<Generation> generated;  // by `generated`
};

using StepProgress = std::function<void(std::string_view step, std::size_t done, std::size_t all)>;

// Answers are generated up to half again the tokens of the longest wanted text. Steps are "score"
// and "generate".
[[nodiscard]] Result<Measurements> measure(const Scorer& scorer, const std::string& model,
                                           const GatePlan& plan, const StepProgress& progress);

}  // namespace hone::evaluate
