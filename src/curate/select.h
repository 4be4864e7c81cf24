// From candidates to the examples of a dataset: conflicting labels, the split, contamination,
// duplicates, near-duplicates, caps and the sample, in that order. Every candidate that ends up in
// no example carries the reason. Pure, and linear in the number of candidates
// (and its logarithm, for sorting).
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "curate/candidate.h"
#include "curate/example.h"
#include "curate/recipe.h"

namespace hone::curate {

// Answers to one context that more than one person judged, and those of them that people disagreed
// about.
struct LabelConflicts {
  std::int64_t judged_by_several = 0;
  std::int64_t in_conflict = 0;
};

struct Selection {
  std::vector<Example> examples;  // pointing into the candidates; sorted by split and id
  LabelConflicts conflicts;
};

// Sets `left_out` of candidates.
[[nodiscard]] Selection select_examples(Candidates& candidates, const DatasetRecipe& recipe);

// Of examples, the parts of it that drop some. In thin.cpp.
void drop_duplicates(std::vector<Example>& examples);
void drop_near_duplicates(std::vector<Example>& examples, double likeness);
void apply_caps(std::vector<Example>& examples, const DatasetRecipe& recipe);
// kInvalid, naming them, where the mix weighs strata that no candidate is of.
[[nodiscard]] Result<void> check_mix(const Candidates& candidates, const DatasetRecipe& recipe);
// Leaves at most max_examples of each kind to train on, shared out over the strata.
void draw_sample(std::vector<Example>& examples, const DatasetRecipe& recipe);

// How `total` is shared out over strata of `sizes` by `weights`: no stratum gets more than it has,
// and what one cannot use goes to the others by their weights, to those without weight last, by
// what they have. The sum is the lesser of `total` and all there is.
[[nodiscard]] std::vector<std::int64_t> share_out(std::int64_t total,
                                                  const std::vector<std::int64_t>& sizes,
                                                  const std::vector<double>& weights);

}  // namespace hone::curate
