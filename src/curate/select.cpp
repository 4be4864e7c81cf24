#include "curate/select.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "curate/split.h"

namespace hone::curate {
namespace {

std::vector<Candidate*> remaining(std::vector<Candidate>& candidates) {
  std::vector<Candidate*> result;
  for (auto& candidate : candidates) {
    if (candidate.left_out.empty()) result.push_back(&candidate);
  }
  return result;
}

// People who got the same answer to the same context may disagree. The majority stands, a person
// having one vote; where there is none, neither side teaches anything. An edit is a vote against
// the answer as it was, but what it was edited into is not in question.
void leave_out_conflicts(std::vector<Candidate>& candidates) {
  struct Votes {
    std::set<std::string_view> accept;
    std::set<std::string_view> refuse;
  };
  using Key = std::pair<std::string_view, std::string_view>;
  std::map<Key, Votes> votes;
  for (const auto& candidate : candidates) {
    Votes& of_answer = votes[{candidate.prompt->digest, candidate.answer}];
    const bool accepted = candidate.verdict == "accepted";
    (accepted ? of_answer.accept : of_answer.refuse).insert(candidate.person);
  }
  for (auto& candidate : candidates) {
    const Votes& of_answer = votes[{candidate.prompt->digest, candidate.answer}];
    if (of_answer.accept.empty() || of_answer.refuse.empty()) continue;
    const bool outvoted =
        candidate.verdict == "accepted"
            ? of_answer.accept.size() <= of_answer.refuse.size()
            : candidate.verdict == "rejected" && of_answer.refuse.size() <= of_answer.accept.size();
    if (outvoted) candidate.left_out = "conflicting";
  }
}

struct Sides {
  std::vector<Candidate*> train;
  std::vector<Candidate*> held_out;
};

Sides split_candidates(std::vector<Candidate>& candidates, const DatasetRecipe& recipe) {
  std::vector<SplitRow> rows;
  for (const auto* candidate : remaining(candidates)) {
    rows.push_back({candidate->person, candidate->prompt->group});
  }
  const Split split = make_split(rows, {.held_out_people = recipe.held_out_people,
                                        .held_out_prompts = recipe.held_out_prompts,
                                        .fold = recipe.fold,
                                        .seed = recipe.seed});
  Sides sides;
  for (auto* candidate : remaining(candidates)) {
    switch (split.side({candidate->person, candidate->prompt->group})) {
      case Side::kTrain:
        sides.train.push_back(candidate);
        break;
      case Side::kHeldOut:
        sides.held_out.push_back(candidate);
        break;
      case Side::kStraddles:
        candidate->left_out = "straddles_split";
        break;
    }
  }
  return sides;
}

// Notes `reason` for the candidates of a dropped example; it counts if no other example keeps them.
void drop(std::vector<Example>& examples, const std::vector<bool>& dropped,
          std::string_view reason) {
  std::vector<Example> kept;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!dropped[i]) {
      kept.push_back(std::move(examples[i]));
      continue;
    }
    for (auto* candidate : examples[i].from) {
      if (candidate->left_out.empty()) candidate->left_out = reason;
    }
  }
  examples = std::move(kept);
}

// Of equal examples the one with the strongest verdict stays.
void drop_duplicates(std::vector<Example>& examples) {
  const auto better = [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t i) {
      return std::tuple(-examples[i].from.front()->strength, std::string_view(examples[i].id));
    };
    return key(a) < key(b);
  };
  std::map<std::string_view, std::size_t> best;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto [at, is_new] = best.try_emplace(examples[i].content, i);
    if (!is_new && better(i, at->second)) at->second = i;
  }
  std::vector<bool> dropped(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) dropped[i] = best[examples[i].content] != i;
  drop(examples, dropped, "duplicate");
}

// Which examples of a person (or team) stay is drawn by rank: neither the first nor the last of the
// day.
template <typename NameOf>
void apply_cap(std::vector<Example>& examples, std::int64_t cap, std::int64_t seed,
               std::string_view reason, NameOf&& name_of) {
  if (cap == 0) return;
  using Ranked = std::pair<std::string, std::size_t>;
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Ranked>> groups;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::string_view name = name_of(*examples[i].from.front());
    if (name.empty()) continue;  // no team is no group
    groups[{examples[i].split, name}].emplace_back(keyed_rank(seed, "caps", examples[i].id), i);
  }
  std::vector<bool> dropped(examples.size());
  for (auto& [group, ranked] : groups) {
    std::ranges::sort(ranked);
    for (std::size_t i = static_cast<std::size_t>(cap); i < ranked.size(); ++i) {
      dropped[ranked[i].second] = true;
    }
  }
  drop(examples, dropped, reason);
}

}  // namespace

std::vector<Example> select_examples(std::vector<Candidate>& candidates,
                                     const DatasetRecipe& recipe) {
  leave_out_conflicts(candidates);
  const Sides sides = split_candidates(candidates, recipe);
  std::vector<Example> examples = make_train_examples(sides.train, recipe);
  std::ranges::move(make_held_out_records(sides.held_out, recipe), std::back_inserter(examples));
  drop_duplicates(examples);
  apply_cap(examples, recipe.max_per_person, recipe.seed, "over_person_cap",
            [](const Candidate& candidate) -> std::string_view { return candidate.person; });
  apply_cap(examples, recipe.max_per_team, recipe.seed, "over_team_cap",
            [](const Candidate& candidate) -> std::string_view { return candidate.team; });

  std::set<const Candidate*> used;
  for (const auto& example : examples) used.insert(example.from.begin(), example.from.end());
  for (auto& candidate : candidates) {
    if (used.contains(&candidate)) {
      candidate.left_out = {};
    } else if (candidate.left_out.empty()) {
      candidate.left_out = "other_kind";
    }
  }
  std::ranges::sort(examples, {}, [](const Example& example) {
    return std::pair(example.split, std::string_view(example.id));
  });
  return examples;
}

}  // namespace hone::curate
