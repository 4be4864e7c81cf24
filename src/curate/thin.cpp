// Which of the examples go: duplicates, near-duplicates, what is over a cap, what is not drawn.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "curate/select.h"
#include "curate/split.h"

namespace hone::curate {
namespace {

// Notes `reason` for the candidates of a dropped example; it counts if no other example keeps them.
void drop(std::vector<Example>& examples, const std::vector<bool>& dropped,
          std::string_view reason) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!dropped[i]) {
      examples[kept++] = examples[i];
      continue;
    }
    for (auto* candidate : {examples[i].first, examples[i].second}) {
      if (candidate != nullptr && candidate->left_out.empty()) candidate->left_out = reason;
    }
  }
  examples.resize(kept);
}

// Of equal ones the strongest verdict stays, of equally strong ones the first by name.
auto worth(const Example& example) {
  return std::tuple(-example.first->strength, example.number);
}

std::vector<std::uint32_t> numbers_of(const std::vector<Example>& examples) {
  std::vector<std::uint32_t> numbers(examples.size());
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

// The signature of the text that the example teaches, or judges.
const Signature* text_signature(const Example& example) {
  const Candidate& candidate = *example.first;
  const bool edited = candidate.final_signature != nullptr && example.kind != "judgement";
  return edited ? candidate.final_signature : candidate.answer_signature;
}

// What is never a near-duplicate: of another split, kind, label or, held out, person.
std::uint32_t near_class(const Example& example) {
  std::string text = std::string(example.split) + "\n" + std::string(example.kind) + "\n";
  if (example.split == kHeldOutSplit) text += example.first->person;
  if (example.kind == "judgement") text += example.first->verdict;
  return static_cast<std::uint32_t>(key_of(text).high >> 32U);
}

bool are_alike(const Example& a, const Example& b, double likeness) {
  const auto near = [&](const Signature* one, const Signature* other) {
    return one == other || similarity(*one, *other) >= likeness;
  };
  return near(text_signature(a), text_signature(b)) &&
         near(a.first->prompt->last_user, b.first->prompt->last_user) &&
         near(a.first->prompt->whole, b.first->prompt->whole);
}

using Ranked = std::pair<std::string, std::size_t>;  // an example's rank, and its place

// All but the first `most` by rank are dropped.
void drop_over(std::vector<Ranked>& ranked, std::int64_t most, std::vector<bool>& dropped) {
  std::ranges::sort(ranked);
  for (auto i = static_cast<std::size_t>(most); i < ranked.size(); ++i) {
    dropped[ranked[i].second] = true;
  }
}

// Which examples of a person (or team) stay is drawn by rank: neither the first nor the last of the
// day.
template <typename NameOf>
void apply_cap(std::vector<Example>& examples, std::int64_t cap, std::int64_t seed,
               std::string_view reason, NameOf&& name_of) {
  if (cap == 0) return;
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Ranked>> groups;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::string_view name = name_of(*examples[i].first);
    if (name.empty()) continue;  // no team is no group
    groups[{examples[i].split, name}].emplace_back(keyed_rank(seed, "caps", examples[i].id()), i);
  }
  std::vector<bool> dropped(examples.size());
  for (auto& [group, ranked] : groups) drop_over(ranked, cap, dropped);
  drop(examples, dropped, reason);
}

std::string_view stratum_of(const Candidate& candidate, std::string_view by) {
  if (by == "source") return candidate.source;
  if (by == "domain") return candidate.purpose;
  if (by == "team") return candidate.team;
  if (by == "verdict") return candidate.verdict;
  return {};
}

std::vector<double> weights_of(const std::vector<std::string_view>& strata,
                               const std::vector<std::int64_t>& sizes,
                               const DatasetRecipe& recipe) {
  std::vector<double> weights;
  for (std::size_t i = 0; i < strata.size(); ++i) {
    if (!recipe.mix.empty()) {
      const auto at = recipe.mix.find(std::string(strata[i]));
      weights.push_back(at == recipe.mix.end() ? 0 : at->second);
    } else {
      weights.push_back(recipe.balance == "equal" ? 1 : static_cast<double>(sizes[i]));
    }
  }
  return weights;
}

// By weight as far as those with a weight have something.
std::vector<std::int64_t> share_by_weight(std::int64_t total,
                                          const std::vector<std::int64_t>& sizes,
                                          const std::vector<double>& weights) {
  std::vector<std::int64_t> shares(sizes.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (weights[i] > 0 && sizes[i] > 0) open.push_back(i);
  }
  std::int64_t left = total;
  while (left > 0 && !open.empty()) {
    double weight = 0;
    for (const auto i : open) weight += weights[i];
    const std::int64_t round = left;
    std::erase_if(open, [&](std::size_t i) {  // those that cannot use their share get all they have
      const double wanted = static_cast<double>(round) * weights[i] / weight;
      if (wanted < static_cast<double>(sizes[i])) return false;
      shares[i] = sizes[i];
      left -= sizes[i];
      return true;
    });
    if (left != round) continue;
    // All can: whole parts, and what is over to the largest remainders.
    std::vector<std::pair<double, std::size_t>> remainders;
    for (const auto i : open) {
      const double wanted = static_cast<double>(round) * weights[i] / weight;
      shares[i] = static_cast<std::int64_t>(std::floor(wanted));
      left -= shares[i];
      remainders.emplace_back(shares[i] - wanted, i);
    }
    std::ranges::sort(remainders);
    for (std::size_t i = 0; i < remainders.size() && left > 0; ++i, --left) {
      ++shares[remainders[i].second];
    }
    break;
  }
  return shares;
}

}  // namespace

void drop_duplicates(std::vector<Example>& examples) {
  auto order = numbers_of(examples);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    if (examples[a].content != examples[b].content) {
      return examples[a].content < examples[b].content;
    }
    return worth(examples[a]) < worth(examples[b]);
  });
  std::vector<bool> dropped(examples.size());
  for (std::size_t i = 1; i < order.size(); ++i) {
    dropped[order[i]] = examples[order[i]].content == examples[order[i - 1]].content;
  }
  drop(examples, dropped, "duplicate");
}

void drop_near_duplicates(std::vector<Example>& examples, double likeness) {
  if (likeness == 0) return;
  // In the order of worth, so that the least of a set is the one that stays.
  std::ranges::sort(examples, {}, worth);
  std::vector<const Signature*> signatures;
  std::vector<std::uint32_t> classes;
  static constexpr Signature kNothing{};
  for (const auto& example : examples) {
    // Tasks are told apart by their prompts alone, and their exact duplicates are gone.
    const auto* signature =
        example.kind == "task" ? example.first->prompt->last_user : text_signature(example);
    signatures.push_back(signature == nullptr ? &kNothing : signature);
    classes.push_back(near_class(example));
  }
  UnionFind sets(examples.size());
  join_near(
      signatures, classes,
      [&](std::uint32_t a, std::uint32_t b) {
        if (classes[a] != classes[b]) return false;
        if (examples[a].kind == "task") {
          return similarity(*signatures[a], *signatures[b]) >= likeness;
        }
        return are_alike(examples[a], examples[b], likeness);
      },
      sets);
  std::vector<bool> dropped(examples.size());
  for (std::uint32_t i = 0; i < examples.size(); ++i) dropped[i] = sets.find(i) != i;
  drop(examples, dropped, "near_duplicate");
}

void apply_caps(std::vector<Example>& examples, const DatasetRecipe& recipe) {
  apply_cap(examples, recipe.max_per_person, recipe.seed, "over_person_cap",
            [](const Candidate& candidate) { return candidate.person; });
  apply_cap(examples, recipe.max_per_team, recipe.seed, "over_team_cap",
            [](const Candidate& candidate) { return candidate.team; });
}

std::vector<std::int64_t> share_out(std::int64_t total, const std::vector<std::int64_t>& sizes,
                                    const std::vector<double>& weights) {
  total = std::min(total, std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}));
  auto shares = share_by_weight(total, sizes, weights);
  // What those with a weight leave; in the order of names it would all be the first one's.
  std::vector<std::int64_t> rest;
  std::vector<double> by_size;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    rest.push_back(sizes[i] - shares[i]);
    by_size.push_back(static_cast<double>(rest.back()));
    total -= shares[i];
  }
  const auto more = share_by_weight(total, rest, by_size);
  for (std::size_t i = 0; i < sizes.size(); ++i) shares[i] += more[i];
  return shares;
}

Result<void> check_mix(const Candidates& candidates, const DatasetRecipe& recipe) {
  if (recipe.mix.empty()) return {};
  std::set<std::string_view> strata;
  for (const auto& candidate : candidates.rows) {
    strata.insert(stratum_of(candidate, recipe.stratify));
  }
  std::string unknown;
  for (const auto& [name, weight] : recipe.mix) {
    if (!strata.contains(name)) unknown += (unknown.empty() ? "'" : ", '") + name + "'";
  }
  if (unknown.empty()) return {};
  constexpr std::size_t kMostNamed = 20;
  std::string there;
  std::size_t named = 0;
  for (const auto stratum : strata) {
    if (named++ == kMostNamed) {
      there += " and " + std::to_string(strata.size() - kMostNamed) + " more";
      break;
    }
    there += (there.empty() ? "'" : ", '") + std::string(stratum) + "'";
  }
  return fail(ErrorCode::kInvalid, "[dataset.mix] weighs " + unknown + ", and by '" +
                                       recipe.stratify + "' there is " +
                                       (there.empty() ? "nothing" : "only " + there) +
                                       "; correct the name, or take it out");
}

void draw_sample(std::vector<Example>& examples, const DatasetRecipe& recipe) {
  if (recipe.max_examples == 0) return;
  std::map<std::string_view, std::map<std::string_view, std::vector<Ranked>>> kinds;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Example& example = examples[i];
    if (example.split != kTrainSplit) continue;
    kinds[example.kind][stratum_of(*example.first, recipe.stratify)].emplace_back(
        keyed_rank(recipe.seed, "sample", example.id()), i);
  }
  std::vector<bool> dropped(examples.size());
  for (auto& [kind, strata] : kinds) {
    std::vector<std::string_view> names;
    std::vector<std::int64_t> sizes;
    for (const auto& [name, members] : strata) {
      names.push_back(name);
      sizes.push_back(static_cast<std::int64_t>(members.size()));
    }
    const auto shares = share_out(recipe.max_examples, sizes, weights_of(names, sizes, recipe));
    auto share = shares.begin();
    for (auto& [name, members] : strata) drop_over(members, *share++, dropped);
  }
  drop(examples, dropped, "not_drawn");
}

}  // namespace hone::curate
