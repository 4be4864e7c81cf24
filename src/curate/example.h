// Examples: what one line of a dataset is made of. Candidates of the train side become examples of
// the kinds that the recipe asks for; each one of the held-out side becomes one record to evaluate
// on. Made-up values stand in the place of redaction's placeholders, consistently within an
// example. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "curate/candidate.h"
#include "curate/recipe.h"

namespace hone::curate {

inline constexpr std::string_view kTrainSplit = "train";
inline constexpr std::string_view kHeldOutSplit = "held_out";

struct Example {
  std::string id;    // "ex_" and 20 hex digits of a digest of kind and interactions
  std::string kind;  // of the held-out records: the verdict
  std::string_view split;
  std::vector<Candidate*> from;  // the first is the one whose answer or final text is to be learnt
  std::string content;           // equal for exact duplicates
  std::string payload;           // the line, without its end
  std::string hash;              // SHA-256 of the payload
};

// Demonstrations from accepted answers and final texts; preferences of a final text over the
// answer, and of accepted over rejected answers to the same context, each used once; judgements
// from all.
[[nodiscard]] std::vector<Example> make_train_examples(const std::vector<Candidate*>& candidates,
                                                       const DatasetRecipe& recipe);
[[nodiscard]] std::vector<Example> make_held_out_records(const std::vector<Candidate*>& candidates,
                                                         const DatasetRecipe& recipe);

}  // namespace hone::curate
