// From candidates to the examples of a dataset: conflicting labels, the split, duplicates and caps,
// in that order. Every candidate that ends up in no example carries the reason. Pure.
#pragma once

#include <vector>

#include "curate/candidate.h"
#include "curate/example.h"
#include "curate/recipe.h"

namespace hone::curate {

// Sets `left_out` of candidates; the examples point into them. Sorted by split and id.
[[nodiscard]] std::vector<Example> select_examples(std::vector<Candidate>& candidates,
                                                   const DatasetRecipe& recipe);

}  // namespace hone::curate
