#include "curate/example.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "base/json.h"
#include "curate/split.h"
#include "privacy/placeholder.h"

namespace hone::curate {
namespace {

json::array with_answer(const json::array& prompt, std::string_view answer) {
  json::array messages = prompt;
  messages.push_back({{"role", "assistant"}, {"content", answer}});
  return messages;
}

// Fills every string in `value`; one seed for all of an example, so that the same placeholder has
// the same value in prompt and answer.
void fill(json::value& value, std::uint64_t seed) {
  if (auto* text = value.if_string()) {
    if (text->find("<") != json::string::npos) *text = privacy::fill_placeholders(*text, seed);
  } else if (auto* array = value.if_array()) {
    for (auto& item : *array) fill(item, seed);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) fill(member.value(), seed);
  }
}

std::uint64_t seed_of(std::int64_t dataset_seed, std::string_view example) {
  const std::string rank = keyed_rank(dataset_seed, "surrogates", example);
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < sizeof seed; ++i) {
    seed = seed << 8U | static_cast<std::uint8_t>(rank[i]);
  }
  return seed;
}

// `fields` is the line without its id; `also` tells apart what is no duplicate although equal.
Example make_example(std::string kind, std::string_view split, std::vector<Candidate*> from,
                     const json::object& fields, std::int64_t seed, std::string_view also = {}) {
  Example example;
  std::string identity = kind + "\n" + std::string(split);
  for (const auto* candidate : from) identity += "\n" + candidate->interaction;
  constexpr std::size_t kIdDigits = 20;
  example.id = "ex_" + hex(sha256(identity)).substr(0, kIdDigits);
  example.content = hex(sha256(kind + "\n" + canonical(fields) + "\n" + std::string(also)));
  json::object line{{"id", example.id}};
  json::value filled = fields;
  fill(filled, seed_of(seed, example.id));
  for (auto& member : filled.get_object()) line[member.key()] = std::move(member.value());
  example.payload = json::serialize(line);
  example.hash = hex(sha256(example.payload));
  example.kind = std::move(kind);
  example.split = split;
  example.from = std::move(from);
  return example;
}

class TrainExamples {
 public:
  explicit TrainExamples(std::int64_t seed) : seed_(seed) {}

  void add_demonstration(Candidate& candidate) {
    if (candidate.verdict == "rejected") return;
    const auto& text = candidate.final_text ? *candidate.final_text : candidate.answer;
    add("demonstration", {&candidate},
        {{"messages", with_answer(candidate.prompt->messages, text)}});
  }
  void add_judgement(Candidate& candidate) {
    add("judgement", {&candidate},
        {{"prompt", candidate.prompt->messages},
         {"completion", candidate.answer},
         {"label", candidate.verdict == "accepted"}});
  }
  void add_preference(std::vector<Candidate*> from, std::string_view chosen,
                      std::string_view rejected) {
    if (chosen == rejected) return;
    const json::array& prompt = from.front()->prompt->messages;
    add("preference", std::move(from),
        {{"prompt", prompt}, {"chosen", chosen}, {"rejected", rejected}});
  }
  std::vector<Example> take() { return std::move(examples_); }

 private:
  void add(std::string kind, std::vector<Candidate*> from, json::object fields) {
    json::object labelled{{"kind", kind}};
    for (auto& member : fields) labelled[member.key()] = std::move(member.value());
    examples_.push_back(
        make_example(std::move(kind), kTrainSplit, std::move(from), labelled, seed_));
  }
  std::int64_t seed_;
  std::vector<Example> examples_;
};

// Accepted and rejected answers to one context, paired one to one in the order of their ranks.
void add_pairs(TrainExamples& examples, const std::vector<Candidate*>& candidates,
               std::int64_t seed) {
  struct Answers {
    std::map<std::string, Candidate*> accepted;  // by rank
    std::map<std::string, Candidate*> rejected;
  };
  std::map<std::string_view, Answers> contexts;
  for (auto* candidate : candidates) {
    if (candidate->verdict == "modified") continue;
    Answers& answers = contexts[candidate->prompt->digest];
    auto& side = candidate->verdict == "accepted" ? answers.accepted : answers.rejected;
    side.emplace(keyed_rank(seed, "pairs", candidate->interaction), candidate);
  }
  for (auto& [context, answers] : contexts) {
    auto worse = answers.rejected.begin();
    for (auto& [rank, better] : answers.accepted) {
      if (worse == answers.rejected.end()) break;
      examples.add_preference({better, worse->second}, better->answer, worse->second->answer);
      ++worse;
    }
  }
}

}  // namespace

std::vector<Example> make_train_examples(const std::vector<Candidate*>& candidates,
                                         const DatasetRecipe& recipe) {
  const auto wants = [&](std::string_view kind) {
    return std::ranges::find(recipe.kinds, kind) != recipe.kinds.end();
  };
  TrainExamples examples(recipe.seed);
  for (auto* candidate : candidates) {
    if (wants("demonstration")) examples.add_demonstration(*candidate);
    if (wants("judgement")) examples.add_judgement(*candidate);
    if (wants("preference") && candidate->final_text) {
      examples.add_preference({candidate}, *candidate->final_text, candidate->answer);
    }
  }
  if (wants("preference")) add_pairs(examples, candidates, recipe.seed);
  return examples.take();
}

std::vector<Example> make_held_out_records(const std::vector<Candidate*>& candidates,
                                           const DatasetRecipe& recipe) {
  std::vector<Example> records;
  for (auto* candidate : candidates) {
    json::object fields{{"person", candidate->person},
                        {"prompt", candidate->prompt->messages},
                        {"original", candidate->answer},
                        {"final", nullptr},
                        {"verdict", candidate->verdict}};
    if (candidate->final_text) fields["final"] = *candidate->final_text;
    if (!candidate->purpose.empty()) fields["domain"] = candidate->purpose;
    records.push_back(
        make_example(candidate->verdict, kHeldOutSplit, {candidate}, fields, recipe.seed));
  }
  return records;
}

}  // namespace hone::curate
