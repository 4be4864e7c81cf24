#include "curate/split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/hash.h"

namespace hone::curate {
namespace {

using Names = std::set<std::string_view>;

// How many of `count` a fraction holds out: at least one and never all; rounded up, so that the
// folds of a quarter together reach everyone.
std::size_t share_of(std::size_t count, double fraction) {
  if (fraction <= 0 || count < 2) return 0;
  const auto wanted =
      static_cast<std::size_t>(std::ceil(static_cast<double>(count) * fraction - 1e-9));
  return std::clamp<std::size_t>(wanted, 1, count - 1);
}

std::set<std::string, std::less<>> hold_out(const Names& names, double fraction,
                                            std::string_view purpose, const SplitOptions& options) {
  std::vector<std::pair<std::string, std::string_view>> ranked;
  ranked.reserve(names.size());
  for (const auto name : names) ranked.emplace_back(keyed_rank(options.seed, purpose, name), name);
  std::ranges::sort(ranked);
  const std::size_t size = share_of(names.size(), fraction);
  std::set<std::string, std::less<>> held_out;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t place = (static_cast<std::size_t>(options.fold) * size + i) % ranked.size();
    held_out.emplace(ranked[place].second);
  }
  return held_out;
}

}  // namespace

std::string keyed_rank(std::int64_t seed, std::string_view purpose, std::string_view value) {
  const std::string key = std::string(purpose) + ":" + std::to_string(seed);
  const Digest digest = hmac_sha256(key, value);
  return {digest.begin(), digest.end()};
}

Side Split::side(const SplitRow& row) const {
  const bool prompt_out = held_out_prompts.contains(row.prompt);
  const bool person_out = by_people ? held_out_people.contains(row.person) : prompt_out;
  if (person_out != prompt_out) return Side::kStraddles;
  return prompt_out ? Side::kHeldOut : Side::kTrain;
}

Split make_split(const std::vector<SplitRow>& rows, const SplitOptions& options) {
  Split split;
  split.by_people = options.held_out_people > 0;
  if (split.by_people) {
    Names people;
    for (const auto& row : rows) people.insert(row.person);
    split.held_out_people = hold_out(people, options.held_out_people, "people", options);
  }
  struct Had {
    bool train = false;
    bool held_out = false;
  };
  std::map<std::string_view, Had> prompts;
  for (const auto& row : rows) {
    Had& had = prompts[row.prompt];
    (split.held_out_people.contains(row.person) ? had.held_out : had.train) = true;
  }
  Names undecided;
  for (const auto& [prompt, had] : prompts) {
    if (!split.by_people || (had.train && had.held_out)) {
      undecided.insert(prompt);
    } else if (had.held_out) {
      split.held_out_prompts.emplace(prompt);
    }
  }
  split.held_out_prompts.merge(hold_out(undecided, options.held_out_prompts, "prompts", options));
  return split;
}

}  // namespace hone::curate
