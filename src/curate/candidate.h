// The interactions that a dataset is made from: those with a verdict that the recipe asks for,
// whose person consents to training now, whose upstream and model allow it, and whose content is
// there. What falls out on the way is counted under the first reason that applies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "curate/dataset.h"
#include "curate/prompt.h"
#include "curate/recipe.h"

namespace hone::curate {

struct Candidate {
  std::string interaction;
  std::string person;
  std::string team;
  std::string purpose;
  std::int64_t context_node = 0;
  std::int64_t output_node = 0;
  std::string verdict;  // accepted, modified, rejected
  double strength = 0;
  std::optional<std::string> final_text;  // where modified
  std::shared_ptr<const Prompt> prompt;
  std::string answer;
  std::string_view left_out;  // the reason; empty while it is in
};

// In the order of interaction ids. `left_out` counts those that are not among them.
struct Candidates {
  std::vector<Candidate> rows;
  Counts left_out;
};

[[nodiscard]] Result<Candidates> load_candidates(store::Database& database,
                                                 const DatasetRecipe& recipe);

}  // namespace hone::curate
