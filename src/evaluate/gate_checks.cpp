#include "evaluate/gate_checks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "evaluate/statistics.h"
#include "feedback/edit_distance.h"
#include "privacy/placeholder.h"

namespace hone::evaluate {
namespace {

// Fewer than these say nothing by themselves.
constexpr std::int64_t kFewestAlone = 8;
constexpr std::int64_t kFewestPeopleAlone = 3;
constexpr double kMostEndless = 0.1;
constexpr double kMostPullLost = 0.25;  // of the baseline's
constexpr double kLeastPull = 1;        // nats; what a baseline that heeds no prompt is taken for
constexpr double kMostLengthRatio = 2;

// Outcomes gathered by person.
class ByPerson {
 public:
  void add(const std::string& person, double outcome) {
    auto& cluster = people_[person];
    cluster.sum += outcome;
    cluster.count += 1;
  }
  [[nodiscard]] Interval mean() const {
    std::vector<Cluster> clusters;
    for (const auto& [person, cluster] : people_) clusters.push_back(cluster);
    return clustered_mean(clusters);
  }

 private:
  std::map<std::string, Cluster> people_;
};

template <typename... Numbers>
std::string words(const char* format, Numbers... numbers) {
  char text[240];
  std::snprintf(text, sizeof(text), format, numbers...);
  return text;
}

Check from_interval(std::string name, const Interval& interval, double threshold) {
  return {.name = std::move(name),
          .passed = false,
          .value = interval.value,
          .low = interval.low,
          .high = interval.high,
          .threshold = threshold,
          .count = interval.count,
          .people = interval.people,
          .note = {}};
}

bool too_few(const Interval& interval) {
  return interval.count < kFewestAlone || interval.people < kFewestPeopleAlone;
}

// Not worse by more than the margin. A few dozen examples cannot prove that at 95%, so the estimate
// is held to the margin, and the interval to twice of it.
bool not_inferior(const Interval& interval, double margin) {
  return interval.value >= -margin && interval.low >= -2 * margin;
}

// Candidate less baseline, judged against the margin; what there is too little of is passed and
// said.
Check compare(std::string name, const ByPerson& outcomes, double margin, const std::string& what) {
  const Interval interval = outcomes.mean();
  Check check = from_interval(std::move(name), interval, -margin);
  if (too_few(interval)) {
    check.passed = true;
    check.low = check.high = check.value;
    check.note =
        words("only %lld examples of %lld people: not judged alone",
              static_cast<long long>(interval.count), static_cast<long long>(interval.people));
    return check;
  }
  check.passed = not_inferior(interval, margin);
  check.note = what + words(" by %+.3f (%.3f to %.3f); may fall by %.2f", interval.value,
                            interval.low, interval.high, margin);
  return check;
}

// Are the texts that people wanted more likely, per token?
Check check_likelihood(const GatePlan& plan, const Measurements& baseline,
                       const Measurements& candidate, const curate::GateRecipe& recipe) {
  ByPerson gains;
  for (std::size_t i = 0; i < plan.examples.size(); ++i) {
    gains.add(plan.examples[i].person,
              candidate.wanted[i].per_token() - baseline.wanted[i].per_token());
  }
  const Interval interval = gains.mean();
  Check check = from_interval("likelihood", interval, recipe.min_likelihood_gain);
  check.passed = interval.low > 0 && interval.value >= recipe.min_likelihood_gain;
  check.note = words(
      "wanted texts are likelier by %+.3f nats a token (%.3f to %.3f); must be over 0 and on"
      " average at least %.3f",
      interval.value, interval.low, interval.high, recipe.min_likelihood_gain);
  return check;
}

double prefers_final(const Likelihood& wanted, const Likelihood& original) {
  return wanted.per_token() > original.per_token() ? 1 : 0;
}

// Is what people made of an answer preferred to the answer at least as often?
Check check_preference(const GatePlan& plan, const Measurements& baseline,
                       const Measurements& candidate, double margin) {
  ByPerson outcomes;
  for (std::size_t k = 0; k < plan.edited.size(); ++k) {
    const std::size_t i = plan.edited[k];
    outcomes.add(plan.examples[i].person,
                 prefers_final(candidate.wanted[i], candidate.original[k]) -
                     prefers_final(baseline.wanted[i], baseline.original[k]));
  }
  return compare("preference", outcomes, margin,
                 "the edited text is preferred to the original more often");
}

// Two prompts with their texts, against the texts exchanged, in nats: how likely a text or how long
// it is stands on both sides, so only what belongs together is left.
double pull(const Measurements& measured, const GatePlan& plan, std::size_t swap) {
  const auto [a, b] = plan.swaps[swap];
  const auto& [b_under_a, a_under_b] = measured.swapped[swap];
  return measured.wanted[a].logprob + measured.wanted[b].logprob - b_under_a.logprob -
         a_under_b.logprob;
}

// Does the model still answer the prompt at hand? One trained on answers to other prompts learns
// their form, and passes the check of likelihood, but what belongs to what pulls it less.
Check check_relevance(const GatePlan& plan, const Measurements& baseline,
                      const Measurements& candidate) {
  double before = 0;
  for (std::size_t k = 0; k < plan.swaps.size(); ++k) before += pull(baseline, plan, k);
  const double usual = std::max(before / static_cast<double>(plan.swaps.size()), kLeastPull);
  ByPerson outcomes;
  for (std::size_t k = 0; k < plan.swaps.size(); ++k) {
    outcomes.add(plan.examples[plan.swaps[k].first].person,
                 (pull(candidate, plan, k) - pull(baseline, plan, k)) / usual);
  }
  const Interval interval = outcomes.mean();
  Check check = from_interval("relevance", interval, -kMostPullLost);
  if (too_few(interval)) {
    check.low = check.high = check.value;
    check.note = words("only %lld pairs of different prompts and texts: too little to judge",
                       static_cast<long long>(interval.count));
    return check;
  }
  check.passed = not_inferior(interval, kMostPullLost);
  check.note = words(
      "a text's own prompt pulls it by %.1f nats a pair over another's with the baseline; the"
      " candidate's pull differs by %+.2f of that (%.2f to %.2f); may fall by %.2f",
      usual, interval.value, interval.low, interval.high, kMostPullLost);
  return check;
}

double similarity(const HeldOut& example, const Generation& generation) {
  return 1 - feedback::edit_distance(example.wanted, generation.text);
}

// Candidate less baseline, of how near their own answers are to what people wanted, where they took
// the answer as it was or where they did not.
ByPerson compare_answers(const GatePlan& plan, const Measurements& baseline,
                         const Measurements& candidate, bool accepted) {
  ByPerson outcomes;
  for (std::size_t k = 0; k < plan.generated.size(); ++k) {
    const HeldOut& example = plan.examples[plan.generated[k]];
    if (example.accepted != accepted) continue;
    outcomes.add(example.person, similarity(example, candidate.generated[k]) -
                                     similarity(example, baseline.generated[k]));
  }
  return outcomes;
}

// Are its own answers at least as near to what people wrote themselves?
Check check_similarity(const GatePlan& plan, const Measurements& baseline,
                       const Measurements& candidate, double margin) {
  return compare("similarity", compare_answers(plan, baseline, candidate, false), margin,
                 "answers are nearer to what people wrote instead");
}

// Where people took the baseline's answer as it was: how much of its wording stays? Told, not
// judged: the baseline repeats itself word for word there, a better wording counts against the
// candidate like a worse one, and some people accept without reading.
Check tell_retention(const GatePlan& plan, const Measurements& baseline,
                     const Measurements& candidate, double margin) {
  Check check = compare("retention", compare_answers(plan, baseline, candidate, true), margin,
                        "accepted answers keep their wording");
  check.passed = true;
  check.note += " (told, not judged)";
  return check;
}

struct Shape {
  double empty = 0;
  double endless = 0;
  double placeholders = 0;
  double length_ratio = 0;  // mean length over that of the wanted texts
};

Shape shape_of(const GatePlan& plan, const Measurements& measured) {
  Shape shape;
  double length = 0;
  double wanted_length = 0;
  for (std::size_t k = 0; k < plan.generated.size(); ++k) {
    const Generation& generation = measured.generated[k];
    const bool blank = trimmed(generation.text).empty();
    shape.empty += blank ? 1 : 0;
    shape.endless += generation.endless ? 1 : 0;
    shape.placeholders += privacy::find_placeholders(generation.text).empty() ? 0 : 1;
    length += static_cast<double>(generation.text.size());
    wanted_length += static_cast<double>(plan.examples[plan.generated[k]].wanted.size());
  }
  shape.length_ratio = wanted_length > 0 ? length / wanted_length : 0;
  return shape;
}

Check plain(std::string name, bool passed, double value, double threshold, std::size_t count,
            std::string note) {
  return {.name = std::move(name),
          .passed = passed,
          .value = value,
          .low = value,
          .high = value,
          .threshold = threshold,
          .count = static_cast<std::int64_t>(count),
          .people = 0,
          .note = std::move(note)};
}

void add_shape_checks(const GatePlan& plan, const Measurements& baseline,
                      const Measurements& candidate, std::vector<Check>& checks) {
  const Shape before = shape_of(plan, baseline);
  const Shape now = shape_of(plan, candidate);
  const std::size_t count = plan.generated.size();
  const auto all = static_cast<double>(count);
  checks.push_back(plain("empty", now.empty == 0, now.empty, 0, count,
                         words("%.0f of %.0f answers are empty", now.empty, all)));
  const double most_endless = std::max(kMostEndless * all, before.endless);
  checks.push_back(plain("endless", now.endless <= most_endless, now.endless, most_endless, count,
                         words("%.0f of %.0f answers do not end, of the baseline's %.0f",
                               now.endless, all, before.endless)));
  const auto drift = [](double ratio) { return ratio > 0 ? std::abs(std::log(ratio)) : HUGE_VAL; };
  const double most_drift = std::max(std::log(kMostLengthRatio), drift(before.length_ratio));
  checks.push_back(plain(
      "length", drift(now.length_ratio) <= most_drift, now.length_ratio, kMostLengthRatio, count,
      words("answers are %.2f times as long as wanted, the baseline's %.2f times", now.length_ratio,
            before.length_ratio)));
  checks.push_back(plain(
      "placeholders", now.placeholders == 0, now.placeholders, 0, count,
      words("%.0f of %.0f answers have placeholders of redacted text", now.placeholders, all)));
}

}  // namespace

Check check_evidence(const std::vector<HeldOut>& held_out, const curate::GateRecipe& recipe) {
  std::set<std::string> people;
  std::int64_t examples = 0;
  for (const auto& example : held_out) {
    if (example.wanted.empty()) continue;
    ++examples;
    people.insert(example.person);
  }
  const auto persons = static_cast<std::int64_t>(people.size());
  const auto count = static_cast<double>(examples);
  return {.name = "evidence",
          .passed = examples >= recipe.min_examples && persons >= recipe.min_people,
          .value = count,
          .low = count,
          .high = count,
          .threshold = static_cast<double>(recipe.min_examples),
          .count = examples,
          .people = persons,
          .note = words("%lld held-out examples of %lld people; at least %lld of %lld are needed",
                        static_cast<long long>(examples), static_cast<long long>(persons),
                        static_cast<long long>(recipe.min_examples),
                        static_cast<long long>(recipe.min_people))};
}

std::vector<Check> check_all(const GatePlan& plan, const Measurements& baseline,
                             const Measurements& candidate, const curate::GateRecipe& recipe) {
  const double margin = recipe.min_match_loss;
  std::vector<Check> checks;
  checks.push_back(check_likelihood(plan, baseline, candidate, recipe));
  checks.push_back(check_preference(plan, baseline, candidate, margin));
  checks.push_back(check_relevance(plan, baseline, candidate));
  checks.push_back(check_similarity(plan, baseline, candidate, margin));
  checks.push_back(tell_retention(plan, baseline, candidate, margin));
  add_shape_checks(plan, baseline, candidate, checks);
  return checks;
}

}  // namespace hone::evaluate
