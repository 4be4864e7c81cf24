// What is decided by the texts of candidates: read in batches, in the order of the conversation
// tree, so that contexts that share a beginning are read together.
#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "curate/candidate.h"
#include "curate/quality.h"
#include "store/database.h"

namespace hone::curate {
namespace {

constexpr std::size_t kFactsBatch = 512;

// A context, as far as a candidate needs it.
struct KnownContext {
  std::int64_t node = 0;
  PromptState state = PromptState::kMissing;
  const PromptFacts* facts = nullptr;  // where kText
  bool has_tools = false;
  wire::ChatNames names = {};
};

class FactsReader {
 public:
  FactsReader(store::Database& database, const DatasetRecipe& recipe, const EvaluationSets& sets,
              Candidates& candidates)
      : database_(database), recipe_(recipe), sets_(sets), candidates_(candidates) {}

  Result<void> read() {
    std::vector<Candidate*> order;
    order.reserve(candidates_.rows.size());
    for (auto& candidate : candidates_.rows) order.push_back(&candidate);
    // Ties in the order of ids, which the rows are in: which context's facts come first must not
    // depend on a sort.
    std::ranges::stable_sort(order, {}, &Candidate::context_node);
    for (std::size_t begin = 0; begin < order.size(); begin += kFactsBatch) {
      const auto end = std::min(order.size(), begin + kFactsBatch);
      if (auto done = read_batch({order.data() + begin, end - begin}); !done) return done;
    }
    return {};
  }

 private:
  Result<void> read_batch(std::span<Candidate* const> batch) {
    std::set<std::int64_t> contexts;
    std::set<std::int64_t> outputs;
    std::vector<std::string> edited;
    for (const auto* candidate : batch) {
      contexts.insert(candidate->context_node);
      if (candidate->output_node != 0) outputs.insert(candidate->output_node);
      if (candidate->has_final) edited.push_back(candidate->interaction);
    }
    auto prompts = PromptReader::load(database_, contexts, recipe_.tool_calls);
    if (!prompts) return fail(prompts.error());
    const auto answers = load_blocks_of(database_, outputs);
    if (!answers) return fail(answers.error());
    const auto finals = load_texts(database_, kFinalTexts, edited);
    if (!finals) return fail(finals.error());
    for (auto* candidate : batch) {
      if (context_.node != candidate->context_node) read_context(*prompts, candidate->context_node);
      const auto answer = answers->find(candidate->output_node);
      const auto final_text = finals->find(candidate->interaction);
      candidate->left_out =
          read_candidate(*candidate, answer == answers->end() ? nullptr : &answer->second,
                         final_text == finals->end() ? nullptr : &final_text->second);
    }
    return {};
  }

  void read_context(PromptReader& prompts, std::int64_t node) {
    LoadedPrompt loaded = prompts.make(node);
    context_ = {node, loaded.state};
    if (!loaded.prompt) return;
    const Prompt& prompt = *loaded.prompt;
    context_.has_tools = prompt.has_tools;
    context_.names = std::move(loaded.prompt->names);
    PromptFacts& facts = candidates_.prompts.emplace_back();
    facts.digest = key_of(prompt.digest);
    facts.group = candidates_.name(prompt.group);
    facts.conversation = prompt.conversation;
    facts.characters = static_cast<std::int64_t>(prompt.characters);
    context_.facts = &facts;
    if (!signs() && !decontaminates()) return;
    Signer whole;
    // Without the definitions of tools: they are the same in all of a tool's prompts, and longer
    // than what is asked in them.
    for (const auto& message : prompt.messages) {
      const std::string text = normalised(wire::chat_text(message.get_object()));
      if (signs()) whole.add(text);
      if (decontaminates() && sets_.has_words_of(text)) facts.contaminated = true;
    }
    const Signature last_user = signature_of_normalised(prompt.last_user);
    if (decontaminates() && sets_.is_near(last_user)) facts.contaminated = true;
    if (!signs()) return;
    facts.whole = &candidates_.signatures.emplace_back(whole.finish());
    facts.last_user = &candidates_.signatures.emplace_back(last_user);
  }

  // The first reason against it; what is a task anyway only loses its verdict.
  std::string_view read_candidate(Candidate& candidate, const std::string* answer,
                                  const std::string* final_text) {
    if (context_.state == PromptState::kNotText) return "not_text";
    if (context_.state == PromptState::kMissing) return "no_content";
    candidate.prompt = context_.facts;
    if (candidate.task && context_.has_tools) {  // answers to a task are texts
      candidate.task = false;
      if (!candidate.judged()) return "not_text";
    }
    const auto reason = candidate.judged() ? read_answer(candidate, answer, final_text) : "";
    if (reason.empty()) {
      candidate.contaminated |= candidate.prompt->contaminated;
      return over_limit(candidate.prompt->characters) ? "too_long" : "";
    }
    if (!candidate.task || over_limit(candidate.prompt->characters)) return reason;
    candidate.verdict = {};
    candidate.has_final = false;
    candidate.contaminated |= candidate.prompt->contaminated;
    return {};
  }

  std::string_view read_answer(Candidate& candidate, const std::string* content,
                               const std::string* final_text) {
    if (content == nullptr) return "no_content";
    const auto message = parse_json_object(*content);
    if (!message) return "no_content";
    const auto answer =
        curate::read_answer(*message, recipe_.tool_calls ? &context_.names : nullptr);
    if (!answer) return "not_text";
    if (answer->text.empty()) return "no_content";
    if (candidate.has_final && final_text == nullptr) return "no_final_text";
    // What a person made of a call's result is not what the model should have said in its place.
    if (candidate.has_final && answer->has_calls()) return "no_final_call";
    const auto size = std::max(count_characters(answer->text),
                               candidate.has_final ? count_characters(*final_text) : 0);
    if (over_limit(candidate.prompt->characters + static_cast<std::int64_t>(size))) {
      return "too_long";
    }
    const std::string& wanted = candidate.has_final ? *final_text : answer->text;
    if (candidate.verdict != "rejected") {
      const auto reason = against_quality(wanted, candidate);
      if (!reason.empty()) return reason;
    }
    candidate.answer = key_of(answer->identity());
    if (candidate.has_final) candidate.final_text = key_of(*final_text);
    if (!signs() && !decontaminates()) return {};
    const Signature answer_signature = sign(answer->text, candidate);
    const Signature final_signature =
        candidate.has_final ? sign(*final_text, candidate) : Signature{};
    if (!signs()) return {};
    candidate.answer_signature = &candidates_.signatures.emplace_back(answer_signature);
    if (candidate.has_final) {
      candidate.final_signature = &candidates_.signatures.emplace_back(final_signature);
    }
    return {};
  }

  Signature sign(const std::string& text, Candidate& candidate) const {
    const std::string plain = normalised(text);
    const Signature signature = signature_of_normalised(plain);
    if (decontaminates() && (sets_.has_words_of(plain) || sets_.is_near(signature))) {
      candidate.contaminated = true;
    }
    return signature;
  }

  std::string_view against_quality(const std::string& wanted, const Candidate& candidate) const {
    const auto size = static_cast<std::int64_t>(count_characters(wanted));
    if (size < recipe_.min_answer_characters) return "too_short";
    if (recipe_.max_answer_characters > 0 && size > recipe_.max_answer_characters) {
      return "too_long";
    }
    const auto leaves_out = [&](std::string_view what) {
      return std::ranges::find(recipe_.leave_out, what) != recipe_.leave_out.end();
    };
    if (candidate.truncated && !candidate.has_final && leaves_out("truncated")) return "truncated";
    if (leaves_out("refusal") && is_refusal(wanted)) return "refusal";
    if (!recipe_.languages.empty()) {
      const auto language = language_of(wanted);
      const bool fits = language.empty() ||
                        std::ranges::find(recipe_.languages, language) != recipe_.languages.end();
      if (!fits) return "language";
    }
    return {};
  }

  [[nodiscard]] bool over_limit(std::int64_t characters) const {
    return recipe_.max_characters > 0 && characters > recipe_.max_characters;
  }
  [[nodiscard]] bool signs() const { return recipe_.near_duplicates > 0; }
  [[nodiscard]] bool decontaminates() const { return !recipe_.decontaminate.empty(); }

  store::Database& database_;
  const DatasetRecipe& recipe_;
  const EvaluationSets& sets_;
  Candidates& candidates_;
  KnownContext context_;
};

}  // namespace

Result<void> read_facts(store::Database& database, const DatasetRecipe& recipe,
                        const EvaluationSets& sets, Candidates& candidates) {
  return FactsReader(database, recipe, sets, candidates).read();
}

}  // namespace hone::curate
