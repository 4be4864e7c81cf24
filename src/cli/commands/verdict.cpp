// hone verdict explain | replay: what feedback amounts to, and why.
#include <iostream>

#include "cli/command.h"
#include "cli/policy.h"
#include "feedback/verdicts.h"

namespace hone::cli {
namespace {

struct VerdictOptions {
  std::string interaction;
  std::string policy;
};

Result<void> explain_verdict(const Invocation& call, const VerdictOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings(), options.policy);
  if (!policy) return fail(policy.error());
  auto text = feedback::explain((*workspace)->database(), *policy, options.interaction);
  if (!text) return fail(text.error());
  if (call.json) {
    show(call, json::object{{"interaction", options.interaction}, {"explanation", *text}});
  } else {
    std::cout << *text;
  }
  return {};
}

Result<void> replay_verdicts(const Invocation& call, const VerdictOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto policy = load_policy((*workspace)->settings(), options.policy);
  if (!policy) return fail(policy.error());
  auto decided = feedback::replay((*workspace)->database(), *policy);
  if (!decided) return fail(decided.error());
  show(call, json::object{{"policy", policy->version}, {"decided", *decided}});
  return {};
}

}  // namespace

void add_verdict(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<VerdictOptions>();
  auto* verdict = app.add_subcommand("verdict", "what feedback amounts to: explain, replay");
  verdict->require_subcommand(1);
  auto* explain = verdict->add_subcommand("explain", "the arithmetic of one verdict");
  explain->add_option("interaction", options->interaction, "its id, int_…")->required();
  auto* replay = verdict->add_subcommand("replay", "decides everything again");
  for (auto* command : {explain, replay}) {
    command->add_option("--policy", options->policy, "TOML file (default: the one in force)");
  }
  explain->callback([&call, options] {
    call.action = [&call, options] { return explain_verdict(call, *options); };
  });
  replay->callback([&call, options] {
    call.action = [&call, options] { return replay_verdicts(call, *options); };
  });
}

}  // namespace hone::cli
