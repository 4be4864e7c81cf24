// Which people and which prompts only ever evaluate. A person is on one side, and a prompt is on
// one side: what is measured on held-out people and prompts was learnt from neither. Pure and
// deterministic: ranks come from a keyed hash under the seed, not from the order of rows.
//
// People are ranked and a fraction is held out: at least one and never all, however few there are.
// A prompt that only people of one side had goes with them; of the prompts that people of both
// sides had, a fraction is held out in the same way, and the rows of the people on the other side
// are left out.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hone::curate {

enum class Side { kTrain, kHeldOut, kStraddles };

struct SplitRow {
  std::string_view person;
  std::string_view prompt;  // its group: equal for near-duplicates
};

struct SplitOptions {
  double held_out_people = 0;   // 0: people do not split; sides are decided by prompt alone
  double held_out_prompts = 0;  // 0: prompts that both sides had are trained on
  std::int64_t fold = 0;        // folds follow each other through the ranks
  std::int64_t seed = 0;
};

struct Split {
  std::set<std::string, std::less<>> held_out_people;
  std::set<std::string, std::less<>> held_out_prompts;
  bool by_people = false;

  [[nodiscard]] Side side(const SplitRow& row) const;
};

[[nodiscard]] Split make_split(const std::vector<SplitRow>& rows, const SplitOptions& options);

// A rank under the seed: big-endian HMAC-SHA-256, so that ranks of different `purpose`s are
// independent.
[[nodiscard]] std::string keyed_rank(std::int64_t seed, std::string_view purpose,
                                     std::string_view value);

}  // namespace hone::curate
