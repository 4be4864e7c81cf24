// The arithmetic of one verdict, for people and for programs.
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "feedback/cases.h"
#include "feedback/verdicts.h"

namespace hone::feedback {
namespace {

// "= -1 x 2.20 x 0.40 habit x 0.50 said before"
std::string factors(const Reason& reason) {
  if (reason.weight == 0 || (reason.steps.empty() && std::abs(reason.said) == 1)) return "";
  std::string text = fmt::format("= {:.2f} x {:.2f}", reason.said, reason.weight);
  for (const Step& step : reason.steps) text += fmt::format(" x {:.2f} {}", step.times, step.why);
  return text;
}

json::object explained(const Reason& reason, double running) {
  json::object object{
      {"signal", reason.signal},     {"kind", reason.kind}, {"by", reason.by},
      {"source", reason.source},     {"said", reason.said}, {"weight", reason.weight},
      {"log_odds", reason.log_odds}, {"running", running}};
  json::array steps;
  for (const Step& step : reason.steps) {
    steps.push_back({{"why", step.why}, {"times", step.times}});
  }
  object["steps"] = std::move(steps);
  if (!reason.note.empty()) object["note"] = reason.note;
  return object;
}

}  // namespace

Result<Explanation> explain(store::Database& database, const Policy& policy,
                            std::string_view interaction_id) {
  auto cases = load_cases(database, {interaction_id});
  if (!cases) return fail(cases.error());
  Explanation explanation{.interaction = std::string(interaction_id),
                          .policy = policy.version,
                          .digest = policy.digest,
                          .contested = policy.contested,
                          .weighing = {},
                          .verdict = {}};
  if (cases->empty()) {
    auto known = database.query("SELECT id FROM interaction WHERE id = ?", {interaction_id});
    if (!known) return fail(known.error());
    if (known->empty()) {
      return fail(ErrorCode::kNotFound, fmt::format("no interaction '{}'", interaction_id));
    }
    return explanation;
  }
  const Case& one = cases->front();
  explanation.weighing = weigh(one.signals, policy, one.answer);
  explanation.verdict = decide_case(one, policy);
  return explanation;
}

std::string to_text(const Explanation& explanation) {
  const Weighing& sum = explanation.weighing;
  std::string text = fmt::format("{} under policy {} ({})\n", explanation.interaction,
                                 explanation.policy, explanation.digest.substr(0, 12));
  if (!sum.reasons.empty()) text += "  running    adds\n";
  double running = 0;
  for (const Reason& reason : sum.reasons) {
    running += reason.log_odds;
    text += fmt::format("  {:+7.2f} {:+7.2f}  {} by {}  {}", running, reason.log_odds, reason.kind,
                        reason.by, reason.signal);
    if (const auto times = factors(reason); !times.empty()) text += "  " + times;
    text += (reason.note.empty() ? "" : "  (" + reason.note + ")") + "\n";
  }
  const auto& verdict = explanation.verdict;
  if (!verdict) return text + "  no verdict: nothing that weighs\n";
  text += fmt::format("  {:+.2f} for, {:+.2f} against: {:+.2f}\n", sum.supporting, -sum.opposing,
                      verdict->log_odds);
  text += fmt::format("{}, strength tanh({:.2f} / 2) = {:.2f}", name(verdict->kind),
                      std::abs(verdict->log_odds), verdict->strength);
  if (verdict->kind == VerdictKind::kContested) {
    text += fmt::format("; both sides reach {:.2f}, or neither prevails", explanation.contested);
  }
  if (verdict->edit_distance) {
    text += fmt::format(", edit distance {:.2f}", *verdict->edit_distance);
  }
  return text + "\n";
}

json::object to_json(const Explanation& explanation) {
  json::object object{{"interaction", explanation.interaction},
                      {"policy", explanation.policy},
                      {"policy_digest", explanation.digest},
                      {"supporting", explanation.weighing.supporting},
                      {"opposing", explanation.weighing.opposing}};
  json::array reasons;
  double running = 0;
  for (const Reason& reason : explanation.weighing.reasons) {
    running += reason.log_odds;
    reasons.push_back(explained(reason, running));
  }
  object["signals"] = std::move(reasons);
  if (!explanation.verdict) {
    object["verdict"] = nullptr;
    return object;
  }
  object["verdict"] = std::string(name(explanation.verdict->kind));
  object["log_odds"] = explanation.verdict->log_odds;
  object["strength"] = explanation.verdict->strength;
  if (explanation.verdict->edit_distance) {
    object["edit_distance"] = *explanation.verdict->edit_distance;
  }
  return object;
}

}  // namespace hone::feedback
