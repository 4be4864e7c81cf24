// Examples: what one line of a dataset is made of. Candidates of the train side become examples of
// the kinds that the recipe asks for; each one of the held-out side becomes one record to evaluate
// on. An example knows its candidates and the keys of its texts; the line itself is made when it is
// written (curate/example_text.h). Pure.
#pragma once

#include <array>
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
  std::array<std::uint8_t, 10> number{};
  std::string_view kind;  // of the held-out records: the verdict
  std::string_view split;
  // Whose answer or final text is to be learnt; and, of a pair of two, whose is not.
  Candidate* first = nullptr;
  Candidate* second = nullptr;
  TextKey content;    // equal for exact duplicates
  double margin = 0;  // of ranked pairs

  // "ex_" and 20 hex digits of a digest of kind, split and interactions.
  [[nodiscard]] std::string id() const;
};

// Demonstrations from accepted answers and final texts; preferences of a final text over the
// answer, and of accepted over rejected answers to the same context, each used once, and where the
// recipe ranks pairs of final texts over accepted and rejected answers too; judgements from all;
// tasks from those with a verifier.
[[nodiscard]] std::vector<Example> make_train_examples(const std::vector<Candidate*>& candidates,
                                                       const DatasetRecipe& recipe);
// Candidates without a judged answer are passed over: nothing can be measured on them.
[[nodiscard]] std::vector<Example> make_held_out_records(const std::vector<Candidate*>& candidates);

}  // namespace hone::curate
