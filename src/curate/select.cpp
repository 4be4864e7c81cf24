#include "curate/select.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "curate/split.h"

namespace hone::curate {
namespace {

std::vector<Candidate*> remaining(Candidates& candidates) {
  std::vector<Candidate*> result;
  for (auto& candidate : candidates.rows) {
    if (candidate.left_out.empty()) result.push_back(&candidate);
  }
  return result;
}

// Leaves out the outvoted of those who got the same answer to the same context.
void settle(std::span<Candidate* const> alike, LabelConflicts& conflicts) {
  std::set<std::string_view> accept;
  std::set<std::string_view> refuse;
  for (const auto* candidate : alike) {
    (candidate->verdict == "accepted" ? accept : refuse).insert(candidate->person);
  }
  std::set<std::string_view> people = accept;
  people.insert(refuse.begin(), refuse.end());
  if (people.size() > 1) ++conflicts.judged_by_several;
  if (accept.empty() || refuse.empty()) return;
  if (people.size() > 1) ++conflicts.in_conflict;
  for (auto* candidate : alike) {
    const bool outvoted = candidate->verdict == "accepted"
                              ? accept.size() <= refuse.size()
                              : candidate->verdict == "rejected" && refuse.size() <= accept.size();
    if (!outvoted) continue;
    if (candidate->task) {
      candidate->verdict = {};
    } else {
      candidate->left_out = "conflicting";
    }
  }
}

// People who got the same answer to the same context may disagree. The majority stands, a person
// having one vote; where there is none, neither side teaches anything. An edit is a vote against
// the answer as it was, but what it was edited into is not in question.
LabelConflicts leave_out_conflicts(Candidates& candidates) {
  std::vector<Candidate*> judged = remaining(candidates);
  std::erase_if(judged, [](const Candidate* candidate) { return !candidate->judged(); });
  const auto key = [](const Candidate* candidate) {
    return std::tie(candidate->prompt->digest, candidate->answer);
  };
  std::ranges::sort(judged, {}, key);
  LabelConflicts conflicts;
  for (std::size_t begin = 0; begin < judged.size();) {
    std::size_t end = begin + 1;
    while (end < judged.size() && key(judged[end]) == key(judged[begin])) ++end;
    settle({judged.data() + begin, end - begin}, conflicts);
    begin = end;
  }
  return conflicts;
}

// Groups of prompts that must not be on both sides of the split become one: those whose last user
// messages are near-duplicates, and those of one conversation. Each takes the least of their names.
void merge_groups(Candidates& candidates, const DatasetRecipe& recipe) {
  if (recipe.near_duplicates == 0 && !recipe.whole_conversations) return;
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  std::vector<std::string_view> names;
  std::vector<const Signature*> signatures;
  // By name, so that neither the groups nor what is held against what depends on numbers of nodes.
  std::vector<PromptFacts*> prompts;
  for (auto& prompt : candidates.prompts) prompts.push_back(&prompt);
  std::ranges::sort(prompts, [](const PromptFacts* a, const PromptFacts* b) {
    return std::tie(a->group, a->digest) < std::tie(b->group, b->digest);
  });
  for (const auto* prompt : prompts) {
    if (!numbers.try_emplace(prompt->group, names.size()).second) continue;
    names.push_back(prompt->group);
    signatures.push_back(prompt->last_user);
  }
  UnionFind sets(names.size());
  if (recipe.near_duplicates > 0) {
    join_near(
        signatures, {},
        [&](std::uint32_t a, std::uint32_t b) {
          return similarity(*signatures[a], *signatures[b]) >= recipe.near_duplicates;
        },
        sets);
  }
  if (recipe.whole_conversations) {
    std::unordered_map<std::int64_t, std::uint32_t> conversations;
    for (const auto* prompt : prompts) {
      const auto number = numbers.at(prompt->group);
      const auto [at, is_new] = conversations.try_emplace(prompt->conversation, number);
      if (!is_new) sets.join(at->second, number);
    }
  }
  for (auto* prompt : prompts) prompt->group = names[sets.find(numbers.at(prompt->group))];
}

struct Sides {
  std::vector<Candidate*> train;
  std::vector<Candidate*> held_out;
};

Sides split_candidates(Candidates& candidates, const DatasetRecipe& recipe) {
  const auto all = remaining(candidates);
  std::vector<SplitRow> rows;
  rows.reserve(all.size());
  for (const auto* candidate : all) rows.push_back({candidate->person, candidate->prompt->group});
  const Split split = make_split(rows, {.held_out_people = recipe.held_out_people,
                                        .held_out_prompts = recipe.held_out_prompts,
                                        .fold = recipe.fold,
                                        .seed = recipe.seed});
  Sides sides;
  for (auto* candidate : all) {
    switch (split.side({candidate->person, candidate->prompt->group})) {
      case Side::kTrain:
        // What is only ever evaluated on may be in an evaluation set.
        if (candidate->contaminated) {
          candidate->left_out = "contaminated";
        } else {
          sides.train.push_back(candidate);
        }
        break;
      case Side::kHeldOut:
        if (candidate->judged()) {
          sides.held_out.push_back(candidate);
        } else {
          candidate->left_out = "no_reference";
        }
        break;
      case Side::kStraddles:
        candidate->left_out = "straddles_split";
        break;
    }
  }
  return sides;
}

// Reasons of those that are in no example; what an example keeps has none.
void settle_reasons(Candidates& candidates, const std::vector<Example>& examples) {
  std::unordered_set<const Candidate*> used;
  used.reserve(examples.size());
  for (const auto& example : examples) {
    used.insert(example.first);
    if (example.second != nullptr) used.insert(example.second);
  }
  for (auto& candidate : candidates.rows) {
    if (used.contains(&candidate)) {
      candidate.left_out = {};
    } else if (candidate.left_out.empty()) {
      candidate.left_out = candidate.unknown_verifier ? "unknown_verifier" : "other_kind";
    }
  }
}

}  // namespace

Selection select_examples(Candidates& candidates, const DatasetRecipe& recipe) {
  Selection selection;
  selection.conflicts = leave_out_conflicts(candidates);
  merge_groups(candidates, recipe);
  const Sides sides = split_candidates(candidates, recipe);
  std::vector<Example>& examples = selection.examples;
  examples = make_train_examples(sides.train, recipe);
  std::ranges::move(make_held_out_records(sides.held_out), std::back_inserter(examples));
  drop_duplicates(examples);
  drop_near_duplicates(examples, recipe.near_duplicates);
  apply_caps(examples, recipe);
  draw_sample(examples, recipe);
  settle_reasons(candidates, examples);
  std::ranges::sort(examples, [](const Example& a, const Example& b) {
    return std::tie(a.split, a.number) < std::tie(b.split, b.number);
  });
  return selection;
}

}  // namespace hone::curate
