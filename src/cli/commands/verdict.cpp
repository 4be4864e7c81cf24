// hone verdict explain | replay | calibrate: what feedback amounts to, why, what another policy
// would make of it, and whether early signals foretell how it ends.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cli/command.h"
#include "cli/policy.h"
#include "feedback/calibrate.h"
#include "feedback/verdicts.h"

namespace hone::cli {
namespace {

constexpr std::size_t kMostPeopleShown = 20;

struct VerdictOptions {
  std::string interaction;
  std::string policy;
  bool apply = false;
  std::size_t examples = 3;
  double early_seconds = 60;
  double late_seconds = 300;
  double stayed = 0.67;
  int bins = 10;
  std::string source;
};

// An opened workspace, and the policy that the command is about.
struct Bench {
  std::unique_ptr<Workspace> workspace;
  feedback::Policy policy;
};

Result<Bench> open_bench(const Invocation& call, const VerdictOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings(), options.policy);
  if (!policy) return fail(policy.error());
  return Bench{std::move(*workspace), std::move(*policy)};
}

Result<void> explain_verdict(const Invocation& call, const VerdictOptions& options) {
  auto bench = open_bench(call, options);
  if (!bench) return fail(bench.error());
  auto explanation =
      feedback::explain(bench->workspace->database(), bench->policy, options.interaction);
  if (!explanation) return fail(explanation.error());
  if (call.json) {
    show(call, feedback::to_json(*explanation));
  } else {
    std::cout << feedback::to_text(*explanation);
  }
  return {};
}

// Who is held least reliable, first; ids are pseudonyms.
std::vector<feedback::PersonHabit> discounted_people(const feedback::Replayed& replayed) {
  std::vector<feedback::PersonHabit> people;
  for (const auto& one : replayed.people) {
    if (!one.habit.none()) people.push_back(one);
  }
  const auto weight = [](const feedback::PersonHabit& one) {
    return std::max({one.habit.careless, one.habit.contrary, std::min(1.0, one.habit.unkept)});
  };
  std::ranges::stable_sort(people, std::greater<>(), weight);
  return people;
}

json::array people_rows(const std::vector<feedback::PersonHabit>& people) {
  json::array rows;
  for (const auto& one : people) {
    if (rows.size() == kMostPeopleShown) break;
    rows.push_back({{"person", one.person},
                    {"opinions", one.opinions},
                    {"accepted", one.accepted},
                    {"expected_accepted", one.expected_accepted},
                    {"rejected", one.rejected},
                    {"expected_rejected", one.expected_rejected},
                    {"careless", one.habit.careless},
                    {"contrary", one.habit.contrary},
                    {"unkept", one.habit.unkept}});
  }
  return rows;
}

json::array verdict_rows(const feedback::Replayed& replayed) {
  json::array rows;
  for (const auto& [pair, number] : replayed.verdicts) {
    rows.push_back({{"before", pair.first}, {"after", pair.second}, {"interactions", number}});
  }
  return rows;
}

json::array source_rows(const feedback::Replayed& replayed) {
  json::array rows;
  for (const auto& [source, of] : replayed.sources) {
    rows.push_back(
        {{"source", source}, {"interactions", of.interactions}, {"changed", of.changed}});
  }
  return rows;
}

json::array example_rows(const feedback::Replayed& replayed) {
  json::array rows;
  for (const auto& one : replayed.examples) {
    rows.push_back({{"interaction", one.interaction},
                    {"before", one.before},
                    {"strength_before", one.strength_before},
                    {"after", one.after},
                    {"strength_after", one.strength_after},
                    {"source", one.source}});
  }
  return rows;
}

json::object replay_report(const feedback::Policy& policy, const feedback::Replayed& replayed,
                           const std::vector<feedback::PersonHabit>& discounted) {
  return {{"policy", policy.version},
          {"policy_digest", policy.digest},
          {"interactions", replayed.interactions},
          {"signals", replayed.signals},
          {"changed", replayed.changed},
          {"stronger", replayed.strengthened},
          {"weaker", replayed.weakened},
          {"written", replayed.written},
          {"people", static_cast<std::int64_t>(replayed.people.size())},
          {"people_discounted", static_cast<std::int64_t>(discounted.size())}};
}

Result<void> replay_verdicts(const Invocation& call, const VerdictOptions& options) {
  auto bench = open_bench(call, options);
  if (!bench) return fail(bench.error());
  auto replayed = feedback::replay(bench->workspace->database(), bench->policy,
                                   {.apply = options.apply, .examples = options.examples});
  if (!replayed) return fail(replayed.error());
  const auto discounted = discounted_people(*replayed);
  json::object report = replay_report(bench->policy, *replayed, discounted);
  if (call.json) {
    report["verdicts"] = verdict_rows(*replayed);
    report["sources"] = source_rows(*replayed);
    report["examples"] = example_rows(*replayed);
    report["discounted"] = people_rows(discounted);
    show(call, report);
    return {};
  }
  show(call, report);
  const std::pair<const char*, json::array> tables[] = {
      {"\nverdicts\n", verdict_rows(*replayed)},
      {"\nby source\n", source_rows(*replayed)},
      {"\nexamples; hone verdict explain INTERACTION shows why\n", example_rows(*replayed)},
      {"\npeople whose opinions count less\n", people_rows(discounted)}};
  for (const auto& [title, rows] : tables) {
    if (rows.empty()) continue;
    std::cout << title;
    show(call, rows);
  }
  if (!options.apply) remark("nothing is written; --apply writes it");
  return {};
}

Result<void> calibrate_verdicts(const Invocation& call, const VerdictOptions& options) {
  auto bench = open_bench(call, options);
  if (!bench) return fail(bench.error());
  const auto milliseconds = [](double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  };
  auto calibration = feedback::calibrate(bench->workspace->database(), bench->policy,
                                         {.early = milliseconds(options.early_seconds),
                                          .late = milliseconds(options.late_seconds),
                                          .stayed = options.stayed,
                                          .bins = options.bins,
                                          .source = options.source});
  if (!calibration) return fail(calibration.error());
  if (call.json) {
    show(call, feedback::to_json(*calibration));
  } else {
    std::cout << feedback::to_text(*calibration);
  }
  return {};
}

void add_calibrate(CLI::App& verdict, Invocation& call,
                   const std::shared_ptr<VerdictOptions>& options) {
  constexpr double kMostSeconds = 1e8;
  auto* calibrate = verdict.add_subcommand(
      "calibrate", "whether early signals foretell that an answer stays: the curve");
  calibrate->add_option("--policy", options->policy, "TOML file (default: the one in force)");
  calibrate->add_option("--early", options->early_seconds, "seconds of signals to judge by")
      ->check(CLI::Range(0.0, kMostSeconds))
      ->capture_default_str();
  calibrate->add_option("--late", options->late_seconds, "seconds from which a look is the end")
      ->check(CLI::Range(0.0, kMostSeconds))
      ->capture_default_str();
  calibrate->add_option("--stayed", options->stayed, "value from which it counts as stayed")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  calibrate->add_option("--bins", options->bins, "of the curve")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  calibrate->add_option("--source", options->source,
                        "only interactions with a signal of it, e.g. import:cups-copilot");
  calibrate->callback([&call, options] {
    call.action = [&call, options] { return calibrate_verdicts(call, *options); };
  });
}

}  // namespace

void add_verdict(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<VerdictOptions>();
  auto* verdict =
      app.add_subcommand("verdict", "what feedback amounts to: explain, replay, calibrate");
  verdict->require_subcommand(1);
  auto* explain = verdict->add_subcommand("explain", "the arithmetic of one verdict");
  explain->add_option("interaction", options->interaction, "its id, int_…")->required();
  auto* replay = verdict->add_subcommand(
      "replay", "what a policy would change in all verdicts; with --apply, changes it");
  replay->add_flag("--apply", options->apply, "write it; again it changes nothing");
  replay->add_option("--examples", options->examples, "to show of each kind of change")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  for (auto* command : {explain, replay}) {
    command->add_option("--policy", options->policy, "TOML file (default: the one in force)");
  }
  explain->callback([&call, options] {
    call.action = [&call, options] { return explain_verdict(call, *options); };
  });
  replay->callback([&call, options] {
    call.action = [&call, options] { return replay_verdicts(call, *options); };
  });
  add_calibrate(*verdict, call, options);
}

}  // namespace hone::cli
