#include <cstdio>

#include "release/evidence.h"
#include "release/releases.h"
#include "release/rows.h"
#include "store/database.h"

namespace hone::release {
namespace {

// A look leaves an event when it has seen this much more than the last that did, so that the curve
// of a release can be drawn from a few dozen points.
constexpr double kLookEvery = 0.05;
constexpr double kLookAtLeast = 10;

struct Step {
  std::string kind;  // "", "grown", "promoted", "rolled_back", "false_alarm"
  double share = 0;  // of "grown"
  std::string reason;
};

std::string describe(const TestState& test) {
  char text[192];
  std::snprintf(text, sizeof(text),
                "canary %s: acceptance %+.3f (%.3f to %.3f), %lld and %lld people, %.0f verdicts",
                std::string(name(test.decision)).c_str(), test.difference, test.low, test.high,
                static_cast<long long>(test.canary_people),
                static_cast<long long>(test.baseline_people), test.outcomes);
  return text;
}

std::string describe(const Guardrail& guardrail) {
  char text[160];
  std::snprintf(text, sizeof(text), "guardrail %s: canary %.3f against %.3f",
                guardrail.name.c_str(), guardrail.canary, guardrail.baseline);
  return text;
}

Step next_step(const Release& release, const Evidence& evidence, const TestState& test,
               const std::vector<Guardrail>& guardrails) {
  for (const auto& guardrail : guardrails) {
    if (guardrail.breached) return {"rolled_back", 0, describe(guardrail)};
  }
  if (test.decision == Decision::kUndecided) return {};
  if (release.is_aa()) return {"false_alarm", 0, describe(test) + ", of a model and itself"};
  if (test.decision == Decision::kWorse) return {"rolled_back", 0, describe(test)};
  if (release.state != "canary") return {};
  // Each share must be lived with by enough people before the next.
  if (evidence.canary_people_now < release.recipe.min_people_per_arm) return {};
  for (const double share : release.recipe.shares) {
    if (share > release.share) return {"grown", share, describe(test)};
  }
  return {"promoted", 0, describe(test)};
}

json::object numbers(const TestState& test, const std::vector<Guardrail>& guardrails) {
  json::object detail = to_json(test);
  for (const auto& guardrail : guardrails) {
    detail[guardrail.name] = {{"baseline", guardrail.baseline}, {"canary", guardrail.canary}};
  }
  return detail;
}

Result<void> grow(store::Database& database, Release& release, const Step& step,
                  json::object detail, Time now) {
  release.share = step.share;
  release.reason = step.reason;
  if (auto updated = update_release(database, release); !updated) return updated;
  detail["share"] = step.share;
  detail["reason"] = step.reason;
  return add_event(database, release.id, "grown", now, detail);
}

Result<void> note_false_alarm(store::Database& database, const Release& release, const Step& step,
                              json::object detail, Time now) {
  auto events = query_events(database, release.id);
  if (!events) return fail(events.error());
  for (const auto& event : *events) {
    if (event.kind == "false_alarm") return {};
  }
  detail["reason"] = step.reason;
  return add_event(database, release.id, "false_alarm", now, detail);
}

Result<void> note_look(store::Database& database, const Release& release, const TestState& test,
                       const json::object& detail, Time now) {
  auto events = query_events(database, release.id);
  if (!events) return fail(events.error());
  double seen = 0;
  for (const auto& event : *events) {
    const auto outcomes = optional_field<double>(event.detail, "outcomes");
    if (outcomes && *outcomes) seen = **outcomes;
  }
  if (test.outcomes < seen + std::max(kLookAtLeast, kLookEvery * seen)) return {};
  return add_event(database, release.id, "look", now, detail);
}

Result<void> apply(store::Database& database, Release& release, const Step& step,
                   const TestState& test, const json::object& detail, Time now) {
  if (step.kind == "grown") return grow(database, release, step, detail, now);
  if (step.kind == "promoted") {
    return apply_promotion(database, release, step.reason, detail, now);
  }
  if (step.kind == "rolled_back") {
    return apply_rollback(database, release, step.reason, detail, now);
  }
  if (step.kind == "false_alarm") return note_false_alarm(database, release, step, detail, now);
  return note_look(database, release, test, detail, now);
}

}  // namespace

Result<Look> look(store::Database& database, std::string_view release_id, Time now) {
  auto release = find_release(database, release_id);
  if (!release) return fail(release.error());
  Look seen{.state = release->state,
            .happened = {},
            .reason = release->reason,
            .share = release->share,
            .test = {}};
  if (!release->running()) return seen;
  const auto evidence = read_evidence(database, release_id);
  if (!evidence) return fail(evidence.error());
  seen.test = test_acceptance(*release, *evidence);
  const auto guardrails = test_guardrails(*release, *evidence);
  const Step step = next_step(*release, *evidence, seen.test, guardrails);
  auto done = database.transaction([&]() -> Result<void> {
    // Another process may have decided, or grown it, since the evidence was read.
    auto current = find_release(database, release_id);
    if (!current) return fail(current.error());
    const bool unchanged = current->state == release->state && current->share == release->share;
    if (unchanged) {
      auto applied =
          apply(database, *current, step, seen.test, numbers(seen.test, guardrails), now);
      if (!applied) return applied;
      seen.happened = step.kind;
    }
    seen.state = current->state;
    seen.share = current->share;
    seen.reason = current->reason;
    return {};
  });
  if (!done) return fail(done.error());
  return seen;
}

}  // namespace hone::release
