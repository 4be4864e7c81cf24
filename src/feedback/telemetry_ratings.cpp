// What evaluations by the GenAI conventions say, and OpenInference's annotations: ratings, by
// whoever judged.
#include <algorithm>
#include <array>

#include "feedback/telemetry_tools.h"
#include "store/text.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kMostWords = 1U << 20;  // as the API takes them
constexpr std::size_t kMostLabel = 256;
constexpr int kMostAnnotations = 64;

// Of these more is worse: their score says nothing that could be guessed.
bool measures_harm(std::string_view name) {
  constexpr std::array<std::string_view, 12> kHarms = {"toxic",  "halluc", "bias",   "hate",
                                                       "violen", "harm",   "sexual", "jailbreak",
                                                       "leak",   "error",  "risk",   "attack"};
  const std::string small = lower_word(name);
  return std::ranges::any_of(kHarms,
                             [&](auto harm) { return small.find(harm) != std::string::npos; });
}

// A score from 0 to 1, or a word that says as much.
std::optional<double> share_of(std::string_view name, const std::optional<double>& score,
                               std::string_view label) {
  if (score && *score >= 0 && *score <= 1 && !measures_harm(name)) return score;
  constexpr std::array<std::string_view, 10> kGood = {"pass",      "passed", "positive", "good",
                                                      "yes",       "true",   "correct",  "helpful",
                                                      "thumbs_up", "like"};
  constexpr std::array<std::string_view, 10> kBad = {
      "fail",  "failed",    "negative",  "bad",         "no",
      "false", "incorrect", "unhelpful", "thumbs_down", "dislike"};
  const std::string word = lower_word(label);
  if (std::ranges::find(kGood, word) != kGood.end()) return 1;
  if (std::ranges::find(kBad, word) != kBad.end()) return 0;
  return std::nullopt;
}

void put_text(json::object& texts, std::string_view name, std::string_view text) {
  if (!text.empty()) texts[name] = store::storable_text(beginning_of(text, kMostLabel));
}

// A rating; `told` has by.
Told told_rating(Told told, store::Handle about, std::string_view name,
                 const std::optional<double>& score, std::string_view label,
                 std::string_view explanation, const std::string& at) {
  if (about.value.empty()) return {.heard = Heard::kWithoutHandle};
  told.fact.kind = "rated";
  told.fact.value = share_of(name, score, label);
  if (!told.fact.value) return {.heard = Heard::kWithoutValue};
  if (explanation.size() > kMostWords) return rejected_event("the explanation is over 1 MiB");
  if (!explanation.empty()) told.fact.comment = store::storable_text(explanation);
  put_text(told.fact.texts, "evaluation", name);
  put_text(told.fact.texts, "label", label);
  std::string part = brief_digest(std::to_string(*told.fact.value) + "\n" + std::string(name) +
                                  "\n" + std::string(label) + "\n" + std::string(explanation));
  part += "/" + at;
  return told_about(std::move(told), std::move(about), std::move(part));
}

store::Handle answer_of(const TelemetryView& event) {
  constexpr std::array<std::pair<std::string_view, const char*>, 4> kNames = {
      {{"hone.interaction.id", "id"},
       {"gen_ai.response.id", "response"},
       {"gen_ai.tool.call.id", "tool_call"},
       {"tool_call.id", "tool_call"}}};
  for (const auto& [field, kind] : kNames) {
    const std::string_view value = event.text(field);
    if (!value.empty()) return {kind, std::string(value)};
  }
  return {};
}

// The conventions do not say who judged; the evaluation's name mostly does.
std::string judge_of(std::string_view name) {
  const std::string small = lower_word(name);
  for (const auto* word : {"user", "human", "thumb", "customer"}) {
    if (small.find(word) != std::string::npos) return "person";
  }
  return "unknown";
}

// OpenInference notes the upstream's whole answer as the span's output.
store::Handle openinference_answer(const TelemetryView& span) {
  store::Handle handle = answer_of(span);
  if (!handle.value.empty()) return handle;
  const std::string_view output = span.text("output.value");
  if (output.starts_with('{') && output.size() <= kMostWords) {
    const auto answer = parse_json_object(output);
    const std::string_view id = answer ? string_or_empty(*answer, "id") : std::string_view();
    if (!id.empty()) return {"response", std::string(id)};
  }
  const std::string_view call =
      span.text("llm.output_messages.0.message.tool_calls.0.tool_call.id");
  return {"tool_call", std::string(call)};
}

}  // namespace

// Today an event gen_ai.evaluation.result with the name in a field; before, one whose own name ends
// with it, and a plain `score`.
Told read_evaluation(const TelemetryView& event) {
  constexpr std::string_view kPrefix = "gen_ai.evaluation.";
  std::string_view name = event.text("gen_ai.evaluation.name");
  if (name.empty() && event.name != "gen_ai.evaluation.result") {
    name = std::string_view(event.name).substr(kPrefix.size());
  }
  auto score = event.number("gen_ai.evaluation.score.value");
  if (!score) score = event.number("gen_ai.evaluation.score");
  std::string_view label = event.text("gen_ai.evaluation.score.label");
  if (label.empty()) label = event.text("gen_ai.evaluation.label");
  std::string_view explanation = event.text("gen_ai.evaluation.explanation");
  if (explanation.empty()) explanation = event.text("gen_ai.evaluation.reasoning");
  Told told = told_by("genai", event);
  told.fact.by = judge_of(name);
  return told_rating(std::move(told), answer_of(event), name, score, label, explanation,
                     event.when());
}

std::vector<Told> read_annotations(const TelemetryView& span) {
  std::vector<Told> all;
  std::optional<store::Handle> answer;  // read once: it may stand in a large text
  for (int i = 0; i < kMostAnnotations; ++i) {
    const std::string at = "annotations." + std::to_string(i) + ".annotation.";
    const std::string_view name = span.text(at + "name");
    const std::string_view label = span.text(at + "label");
    const auto score = span.number(at + "score");
    if (name.empty() && label.empty() && !score) break;
    Told told = told_by("openinference", span);
    const std::string kind = lower_word(span.text(at + "annotator_kind"));
    told.fact.by = kind == "human" ? "person" : kind == "llm" ? "agent" : "unknown";
    if (kind == "code") told.fact.by = "automatic";
    if (!answer) answer = openinference_answer(span);
    all.push_back(told_rating(std::move(told), *answer, name, score, label,
                              span.text(at + "explanation"), "annotation"));
  }
  return all;
}

}  // namespace hone::feedback
