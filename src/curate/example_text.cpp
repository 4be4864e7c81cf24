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
    json::object filled;
    for (auto& member : *object) {
      fill_texts(member.value(), seed);
      // Keys too: those of a tool's parameters are named in other places.
      const std::string_view key = member.key();
      filled[key.find('<') == key.npos ? std::string(key) : privacy::fill_placeholders(key, seed)] =
          std::move(member.value());
    }
    *object = std::move(filled);
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

json::array with_answer(json::array messages, json::value answer) {
  messages.push_back(answer.is_object()
                         ? std::move(answer)
                         : json::object{{"role", "assistant"}, {"content", std::move(answer)}});
  return messages;
}

Error changed(const Candidate& candidate) {
  return {ErrorCode::kUnavailable, "interaction " + candidate.interaction +
                                       " changed while the dataset was built; build it again"};
}

// The texts of one batch.
class Texts {
 public:
  static Result<Texts> load(store::Database& database, std::span<const Example> examples,
                            bool with_tools) {
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
    auto prompts = PromptReader::load(database, contexts, with_tools);
    if (!prompts) return fail(prompts.error());
    auto answers = load_blocks_of(database, outputs);
    if (!answers) return fail(answers.error());
    auto finals = load_texts(database, kFinalTexts, edited);
    if (!finals) return fail(finals.error());
    auto params = load_texts(database, kCallParams, tasks);
    if (!params) return fail(params.error());
    return Texts(std::move(*prompts), std::move(*answers), std::move(*finals), std::move(*params),
                 with_tools);
  }

  Result<Prompt> prompt(const Candidate& candidate) {
    auto loaded = prompts_.make(candidate.context_node);
    if (!loaded.prompt || key_of(loaded.prompt->digest) != candidate.prompt->digest) {
      return fail(changed(candidate));
    }
    return std::move(*loaded.prompt);
  }
  // To that prompt. A text, or a message with calls.
  Result<json::value> answer(const Candidate& candidate, const Prompt& prompt) const {
    const auto at = answers_.find(candidate.output_node);
    if (at == answers_.end()) return fail(changed(candidate));
    const auto message = parse_json_object(at->second);
    auto answer =
        message ? read_answer(*message, with_tools_ ? &prompt.names : nullptr) : std::nullopt;
    if (!answer || key_of(answer->identity()) != candidate.answer) return fail(changed(candidate));
    return std::move(answer->said);
  }
  // What is to be learnt.
  Result<json::value> wanted(const Candidate& candidate, const Prompt& prompt) const {
    if (!candidate.has_final) return answer(candidate, prompt);
    const auto at = finals_.find(candidate.interaction);
    if (at == finals_.end() || key_of(at->second) != candidate.final_text) {
      return fail(changed(candidate));
    }
    return json::value(at->second);
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
        ById params, bool with_tools)
      : prompts_(std::move(prompts)),
        answers_(std::move(answers)),
        finals_(std::move(finals)),
        params_(std::move(params)),
        with_tools_(with_tools) {}

  PromptReader prompts_;
  std::unordered_map<std::int64_t, std::string> answers_;
  ById finals_;
  ById params_;
  bool with_tools_;
};

// Behind the messages that go on from it.
void add_tools(Prompt& prompt, json::object& fields) {
  if (!prompt.tools.empty()) fields["tools"] = std::move(prompt.tools);
}

Result<json::object> held_out_fields(const Example& example, Texts& texts) {
  const Candidate& candidate = *example.first;
  auto prompt = texts.prompt(candidate);
  if (!prompt) return fail(prompt.error());
  const auto answer = texts.answer(candidate, *prompt);
  if (!answer) return fail(answer.error());
  json::object fields{{"person", candidate.person}, {"prompt", std::move(prompt->messages)}};
  add_tools(*prompt, fields);
  fields["original"] = *answer;
  fields["final"] = nullptr;
  fields["verdict"] = candidate.verdict;
  if (candidate.has_final) {
    const auto final_text = texts.wanted(candidate, *prompt);
    if (!final_text) return fail(final_text.error());
    fields["final"] = *final_text;
  }
  if (!candidate.purpose.empty()) fields["domain"] = candidate.purpose;
  return fields;
}

Result<json::object> task_fields(const Example& example, Texts& texts) {
  auto prompt = texts.prompt(*example.first);
  if (!prompt) return fail(prompt.error());
  auto verifier = texts.verifier(*example.first);
  if (!verifier) return fail(verifier.error());
  return json::object{{"kind", example.kind},
                      {"prompt", std::move(prompt->messages)},
                      {"verifier", std::move(*verifier)}};
}

Result<json::object> train_fields(const Example& example, Texts& texts) {
  if (example.kind == "task") return task_fields(example, texts);
  const Candidate& first = *example.first;
  auto prompt = texts.prompt(first);
  if (!prompt) return fail(prompt.error());
  const bool judged_as_given = example.kind == "judgement";
  auto text = judged_as_given ? texts.answer(first, *prompt) : texts.wanted(first, *prompt);
  if (!text) return fail(text.error());
  json::object fields{{"kind", example.kind}};
  if (example.kind == "demonstration") {
    fields["messages"] = with_answer(std::move(prompt->messages), std::move(*text));
    add_tools(*prompt, fields);
    return fields;
  }
  fields["prompt"] = std::move(prompt->messages);
  add_tools(*prompt, fields);
  if (judged_as_given) {
    fields["completion"] = std::move(*text);
    fields["label"] = first.verdict == "accepted";
    return fields;
  }
  auto rejected = texts.answer(example.second == nullptr ? first : *example.second, *prompt);
  if (!rejected) return fail(rejected.error());
  fields["chosen"] = std::move(*text);
  fields["rejected"] = std::move(*rejected);
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
    store::Database& database, std::span<const Example> examples, const DatasetRecipe& recipe,
    const std::function<Result<void>(const Example&, std::string_view line)>& use) {
  while (!examples.empty()) {
    const auto batch = examples.first(std::min(kTextBatch, examples.size()));
    examples = examples.subspan(batch.size());
    auto texts = Texts::load(database, batch, recipe.tool_calls);
    if (!texts) return fail(texts.error());
    for (const auto& example : batch) {
      const auto line = line_of(example, *texts, recipe.seed);
      if (!line) return fail(line.error());
      if (auto used = use(example, *line); !used) return used;
    }
  }
  return {};
}

}  // namespace hone::curate
