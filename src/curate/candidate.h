// The interactions that a dataset is made from: those with a verdict that the recipe asks for (or,
// for tasks, with a verifier), whose person consents to training now, whose upstream and model
// allow it, and whose content is there. What falls out on the way is counted under the first reason
// that applies.
//
// A candidate holds digests and signatures of its texts, not the texts: a million are some hundred
// megabytes. The texts are read twice, in batches: here for what is decided by them, and once more
// for the examples that are left (curate/example_text.h).
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "curate/contamination.h"
#include "curate/dataset.h"
#include "curate/prompt.h"
#include "curate/recipe.h"
#include "curate/similarity.h"

namespace hone::curate {

// Names a text: the first half of its SHA-256.
struct TextKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const TextKey&) const = default;
};
[[nodiscard]] TextKey key_of(const Digest& digest);
[[nodiscard]] TextKey key_of(std::string_view text);

// What is known of a context, once for all interactions that have it.
struct PromptFacts {
  TextKey digest;          // equal for equal messages
  std::string_view group;  // equal for what must not be on both sides of a split
  std::int64_t conversation = 0;
  std::int64_t characters = 0;
  bool contaminated = false;
  const Signature* whole = nullptr;      // set where the recipe looks for near-duplicates
  const Signature* last_user = nullptr;  // likewise
};

struct Candidate {
  std::string interaction;
  std::string_view person;  // names are kept in Candidates::names
  std::string_view team;
  std::string_view source;  // the tool; of an import, its upstream "import:NAME"
  std::string_view purpose;
  std::int64_t context_node = 0;
  std::int64_t output_node = 0;
  std::string_view verdict;  // accepted, modified, rejected; empty where nothing is learnt from it
  double strength = 0;
  bool has_final = false;  // modified, and it is known into what
  bool task = false;       // has a verifier, and tasks are asked for
  bool unknown_verifier = false;
  bool truncated = false;
  bool contaminated = false;
  TextKey answer;
  TextKey final_text;  // where has_final
  const PromptFacts* prompt = nullptr;
  const Signature* answer_signature = nullptr;  // where near-duplicates are looked for
  const Signature* final_signature = nullptr;
  std::string_view left_out;  // the reason; empty while it is in

  // Whether there is an answer that somebody judged; a task may be one without.
  [[nodiscard]] bool judged() const { return !verdict.empty(); }
  // The text to be learnt.
  [[nodiscard]] const TextKey& wanted() const { return has_final ? final_text : answer; }
};

// In the order of interaction ids. `left_out` counts those that are not among the rows; rows may
// have a reason of their own.
struct Candidates {
  std::deque<Candidate> rows;
  Counts left_out;
  std::set<std::string, std::less<>> names;
  std::deque<PromptFacts> prompts;
  std::deque<Signature> signatures;

  Candidates() = default;
  Candidates(Candidates&&) = default;  // pointers into the deques stay valid
  Candidates& operator=(Candidates&&) = default;
  [[nodiscard]] std::string_view name(std::string_view text) {
    const auto at = names.find(text);
    return at != names.end() ? *at : *names.emplace(text).first;
  }
};

[[nodiscard]] bool wants_kind(const DatasetRecipe& recipe, std::string_view kind);

[[nodiscard]] Result<Candidates> load_candidates(store::Database& database,
                                                 const DatasetRecipe& recipe,
                                                 const EvaluationSets& sets);

// The second half of it: reads the texts of `candidates` in batches. In facts.cpp.
[[nodiscard]] Result<void> read_facts(store::Database& database, const DatasetRecipe& recipe,
                                      const EvaluationSets& sets, Candidates& candidates);

inline constexpr std::string_view kFinalTexts =
    "SELECT interaction_id AS id, final_text AS text FROM verdict WHERE interaction_id IN";
inline constexpr std::string_view kCallParams =
    "SELECT id, params AS text FROM interaction WHERE id IN";

// Texts by interaction; `select` is one of the two above.
[[nodiscard]] Result<std::unordered_map<std::string, std::string>> load_texts(
    store::Database& database, std::string_view select, const std::vector<std::string>& ids);

}  // namespace hone::curate
