#include "curate/example.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "curate/split.h"

namespace hone::curate {
namespace {

std::string text_of(const TextKey& key) {
  return fmt::format("{:016x}{:016x}\n", key.high, key.low);
}

// `content` is all that tells it from others of its kind.
Example make_example(std::string_view kind, std::string_view split, Candidate* first,
                     Candidate* second, std::string_view content) {
  Example example;
  std::string identity = std::string(kind) + "\n" + std::string(split) + "\n" + first->interaction;
  if (second != nullptr) identity += "\n" + second->interaction;
  const Digest digest = sha256(identity);
  std::copy_n(digest.begin(), example.number.size(), example.number.begin());
  example.kind = kind;
  example.split = split;
  example.first = first;
  example.second = second;
  example.content = key_of(std::string(kind) + "\n" + std::string(split) + "\n" +
                           text_of(first->prompt->digest) + std::string(content));
  return example;
}

class TrainExamples {
 public:
  TrainExamples(const DatasetRecipe& recipe, std::size_t most) : recipe_(recipe) {
    examples_.reserve(most);
  }

  void add_demonstration(Candidate& candidate) {
    if (candidate.verdict == "rejected") return;
    add("demonstration", &candidate, nullptr, text_of(candidate.wanted()));
  }
  void add_judgement(Candidate& candidate) {
    add("judgement", &candidate, nullptr,
        text_of(candidate.answer) + std::string(candidate.verdict == "accepted" ? "+" : "-"));
  }
  // Of equal prompts one is enough, whatever their verifiers are called.
  void add_task(Candidate& candidate) { add("task", &candidate, nullptr, ""); }

  // The first one's wanted text over the second one's answer; of one alone over its own.
  void add_preference(Candidate* first, Candidate* second, double levels = 1) {
    const TextKey& rejected = (second == nullptr ? first : second)->answer;
    if (first->wanted() == rejected) return;
    add("preference", first, second, text_of(first->wanted()) + text_of(rejected));
    if (!recipe_.ranked_pairs) return;
    const double strength =
        second == nullptr ? first->strength : std::min(first->strength, second->strength);
    examples_.back().margin = levels * strength;
  }
  std::vector<Example> take() { return std::move(examples_); }

 private:
  void add(std::string_view kind, Candidate* first, Candidate* second, std::string_view content) {
    examples_.push_back(make_example(kind, kTrainSplit, first, second, content));
  }
  const DatasetRecipe& recipe_;
  std::vector<Example> examples_;
};

using Answers = std::vector<Candidate*>;

// One to one, in the order of their ranks; what is over stays single.
void pair_up(TrainExamples& examples, const Answers& better, const Answers& worse, double levels) {
  for (std::size_t i = 0; i < std::min(better.size(), worse.size()); ++i) {
    examples.add_preference(better[i], worse[i], levels);
  }
}

// Edited, accepted and rejected answers to one context.
void add_pairs(TrainExamples& examples, const std::vector<Candidate*>& candidates,
               const DatasetRecipe& recipe) {
  std::vector<std::pair<std::string, Candidate*>> ranked;
  for (auto* candidate : candidates) {
    if (!candidate->judged() || (candidate->has_final && !recipe.ranked_pairs)) continue;
    ranked.emplace_back(keyed_rank(recipe.seed, "pairs", candidate->interaction), candidate);
  }
  std::ranges::sort(ranked, [](const auto& a, const auto& b) {
    return std::tie(a.second->prompt->digest, a.first) <
           std::tie(b.second->prompt->digest, b.first);
  });
  for (std::size_t begin = 0; begin < ranked.size();) {
    const TextKey& context = ranked[begin].second->prompt->digest;
    Answers edited;
    Answers accepted;
    Answers rejected;
    std::size_t end = begin;
    for (; end < ranked.size() && ranked[end].second->prompt->digest == context; ++end) {
      auto* candidate = ranked[end].second;
      (candidate->has_final               ? edited
       : candidate->verdict == "accepted" ? accepted
                                          : rejected)
          .push_back(candidate);
    }
    pair_up(examples, accepted, rejected, 1);
    pair_up(examples, edited, accepted, 1);
    pair_up(examples, edited, rejected, 2);
    begin = end;
  }
}

}  // namespace

std::string Example::id() const {
  return "ex_" + hex(std::string_view(reinterpret_cast<const char*>(number.data()), number.size()));
}

std::vector<Example> make_train_examples(const std::vector<Candidate*>& candidates,
                                         const DatasetRecipe& recipe) {
  const bool demonstrations = wants_kind(recipe, "demonstration");
  const bool judgements = wants_kind(recipe, "judgement");
  const bool preferences = wants_kind(recipe, "preference");
  TrainExamples examples(recipe, candidates.size() * recipe.kinds.size());
  for (auto* candidate : candidates) {
    if (candidate->task) examples.add_task(*candidate);
    if (!candidate->judged()) continue;
    if (demonstrations) examples.add_demonstration(*candidate);
    if (judgements) examples.add_judgement(*candidate);
    if (preferences && candidate->has_final) examples.add_preference(candidate, nullptr);
  }
  if (preferences) add_pairs(examples, candidates, recipe);
  return examples.take();
}

std::vector<Example> make_held_out_records(const std::vector<Candidate*>& candidates) {
  std::vector<Example> records;
  for (auto* candidate : candidates) {
    if (!candidate->judged()) continue;
    std::string content = text_of(candidate->answer);
    if (candidate->has_final) content += text_of(candidate->final_text);
    content += std::string(candidate->person) + "\n" + std::string(candidate->purpose);
    records.push_back(make_example(candidate->verdict, kHeldOutSplit, candidate, nullptr, content));
  }
  return records;
}

}  // namespace hone::curate
