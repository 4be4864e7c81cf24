#include "curate/example_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "curate/prompt.h"
#include "curate/split.h"
#include "curate/task.h"
#include "privacy/placeholder.h"
#include "store/database.h"

namespace hone::curate {
namespace {

constexpr std::size_t kTextBatch = 256;

// Fills every string in `value`; one seed for all of an example, so that the same placeholder has
// the same value in prompt and answer.
void fill_texts(json::value& value, std::uint64_t seed) {
  if (auto* text = value.if_string()) {
    if (text->find("<") != json::string::npos) *text = privacy::fill_placeholders(*text, seed);
  } else if (auto* array = value.if_array()) {
    for (auto& item : *array) fill_texts(item, seed);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) fill_texts(member.value(), seed);
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

json::array with_answer(json::array messages, std::string_view answer) {
  messages.push_back({{"role", "assistant"}, {"content", answer}});
  return messages;
}

Error changed(const Candidate& candidate) {
  return {ErrorCode::kUnavailable, "interaction " + candidate.interaction +
                                       " changed while the dataset was built; build it again"};
}

// The texts of one batch.
class Texts {
 public:
  static Result<Texts> load(store::Database& database, std::span<const Example> examples) {
    std::set<std::int64_t> contexts;
    std::set<std::int64_t> outputs;
    std::vector<std::string> edited;
    std::vector<std::string> tasks;
    for (const auto& example : examples) {
      contexts.insert(example.first->context_node);
      if (example.kind == "task") tasks.push_back(example.first->interaction);
      for (const auto* candidate : {example.first, example.second}) {
        if (candidate == nullptr) continue;
        if (candidate->output_node != 0) outputs.insert(candidate->output_node);
        if (candidate->has_final) edited.push_back(candidate->interaction);
      }
    }
    auto prompts = PromptReader::load(database, contexts);
    if (!prompts) return fail(prompts.error());
    auto answers = load_blocks_of(database, outputs);
    if (!answers) return fail(answers.error());
    auto finals = load_texts(database, kFinalTexts, edited);
    if (!finals) return fail(finals.error());
    auto params = load_texts(database, kCallParams, tasks);
    if (!params) return fail(params.error());
    return Texts(std::move(*prompts), std::move(*answers), std::move(*finals), std::move(*params));
  }

  Result<json::array> prompt(const Candidate& candidate) {
    auto loaded = prompts_.make(candidate.context_node);
    if (!loaded.prompt || key_of(loaded.prompt->digest) != candidate.prompt->digest) {
      return fail(changed(candidate));
    }
    return std::move(loaded.prompt->messages);
  }
  Result<std::string> answer(const Candidate& candidate) const {
    const auto at = answers_.find(candidate.output_node);
    if (at == answers_.end()) return fail(changed(candidate));
    const auto message = parse_json_object(at->second);
    auto text = message ? plain_text(*message) : std::nullopt;
    if (!text || key_of(*text) != candidate.answer) return fail(changed(candidate));
    return std::move(*text);
  }
  // The text to be learnt.
  Result<std::string> wanted(const Candidate& candidate) const {
    if (!candidate.has_final) return answer(candidate);
    const auto at = finals_.find(candidate.interaction);
    if (at == finals_.end() || key_of(at->second) != candidate.final_text) {
      return fail(changed(candidate));
    }
    return at->second;
  }
  Result<json::object> verifier(const Candidate& candidate) const {
    const auto at = params_.find(candidate.interaction);
    auto verifier = at == params_.end() ? std::nullopt : verifier_of(at->second);
    if (!verifier) return fail(changed(candidate));
    return std::move(*verifier);
  }

 private:
  using ById = std::unordered_map<std::string, std::string>;
  Texts(PromptReader prompts, std::unordered_map<std::int64_t, std::string> answers, ById finals,
        ById params)
      : prompts_(std::move(prompts)),
        answers_(std::move(answers)),
        finals_(std::move(finals)),
        params_(std::move(params)) {}

  PromptReader prompts_;
  std::unordered_map<std::int64_t, std::string> answers_;
  ById finals_;
  ById params_;
};

Result<json::object> held_out_fields(const Example& example, Texts& texts) {
  const Candidate& candidate = *example.first;
  auto prompt = texts.prompt(candidate);
  if (!prompt) return fail(prompt.error());
  const auto answer = texts.answer(candidate);
  if (!answer) return fail(answer.error());
  json::object fields{{"person", candidate.person},
                      {"prompt", std::move(*prompt)},
                      {"original", *answer},
                      {"final", nullptr},
                      {"verdict", candidate.verdict}};
  if (candidate.has_final) {
    const auto final_text = texts.wanted(candidate);
    if (!final_text) return fail(final_text.error());
    fields["final"] = *final_text;
  }
  if (!candidate.purpose.empty()) fields["domain"] = candidate.purpose;
  return fields;
}

Result<json::object> train_fields(const Example& example, Texts& texts) {
  const Candidate& first = *example.first;
  auto prompt = texts.prompt(first);
  if (!prompt) return fail(prompt.error());
  if (example.kind == "task") {
    auto verifier = texts.verifier(first);
    if (!verifier) return fail(verifier.error());
    return json::object{
        {"kind", example.kind}, {"prompt", std::move(*prompt)}, {"verifier", std::move(*verifier)}};
  }
  const bool judged_as_given = example.kind == "judgement";
  const auto text = judged_as_given ? texts.answer(first) : texts.wanted(first);
  if (!text) return fail(text.error());
  if (judged_as_given) {
    return json::object{{"kind", example.kind},
                        {"prompt", std::move(*prompt)},
                        {"completion", *text},
                        {"label", first.verdict == "accepted"}};
  }
  if (example.kind == "demonstration") {
    return json::object{{"kind", example.kind},
                        {"messages", with_answer(std::move(*prompt), *text)}};
  }
  const auto rejected = texts.answer(example.second == nullptr ? first : *example.second);
  if (!rejected) return fail(rejected.error());
  json::object fields{{"kind", example.kind},
                      {"prompt", std::move(*prompt)},
                      {"chosen", *text},
                      {"rejected", *rejected}};
  if (example.margin > 0) fields["margin"] = example.margin;
  return fields;
}

Result<std::string> line_of(const Example& example, Texts& texts, std::int64_t seed) {
  auto fields =
      example.split == kTrainSplit ? train_fields(example, texts) : held_out_fields(example, texts);
  if (!fields) return fail(fields.error());
  const std::string id = example.id();
  json::object line{{"id", id}};
  json::value filled = std::move(*fields);
  fill_texts(filled, seed_of(seed, id));
  for (auto& member : filled.get_object()) line[member.key()] = std::move(member.value());
  return json::serialize(line);
}

}  // namespace

Result<void> for_each_line(
    store::Database& database, std::span<const Example> examples, std::int64_t seed,
    const std::function<Result<void>(const Example&, std::string_view line)>& use) {
  while (!examples.empty()) {
    const auto batch = examples.first(std::min(kTextBatch, examples.size()));
    examples = examples.subspan(batch.size());
    auto texts = Texts::load(database, batch);
    if (!texts) return fail(texts.error());
    for (const auto& example : batch) {
      const auto line = line_of(example, *texts, seed);
      if (!line) return fail(line.error());
      if (auto used = use(example, *line); !used) return used;
    }
  }
  return {};
}

}  // namespace hone::curate
