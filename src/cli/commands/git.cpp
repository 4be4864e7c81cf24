// hone git: what history says about the edits that tools made. And hone feedback outcome: what
// tests and CI say about a commit.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "cli/command.h"
#include "cli/git_hooks.h"
#include "cli/policy.h"
#include "feedback/ci_outcome.h"
#include "feedback/git_observer.h"
#include "feedback/verdicts.h"
#include "store/feedback_record.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kLooksEvery = 5s;

volatile std::sig_atomic_t watch_ends = 0;

void end_watch(int) {
  watch_ends = 1;
}

struct GitCommandOptions {
  std::string repository = ".";
  std::string main;
  std::string since;
  bool hook = false;
};

struct OutcomeCommandOptions {
  std::string commit;
  std::string result;
  std::string name;
  std::string run;
  std::string at;
  std::string repository = ".";
};

std::string absolute_path(const std::string& path) {
  if (path.empty()) return path;
  return std::filesystem::absolute(path).lexically_normal().string();
}

Result<feedback::GitOptions> observing(Workspace& workspace, const GitCommandOptions& options) {
  feedback::GitOptions made{.main = options.main};
  if (!options.since.empty()) {
    const auto since = parse_time(options.since);
    if (!since) return fail(since.error().with("--since"));
    made.since = *since;
  }
  made.redact = [&workspace](std::string_view text) { return workspace.redactor().redact(text); };
  return made;
}

// Signals are in the database: so are the verdicts that they change.
Result<void> settle_verdicts(Workspace& workspace) {
  const auto policy = load_policy(workspace.settings());
  if (!policy) return fail(policy.error());
  const auto decided = feedback::refresh(workspace.database(), *policy);
  if (!decided) return fail(decided.error());
  return {};
}

Result<std::int64_t> spread_all(Workspace& workspace) {
  std::int64_t all = 0;
  for (;;) {
    const auto some = feedback::spread_outcomes(workspace.database(), workspace.clock().now(),
                                                [&](std::vector<store::OutboxRecord> records) {
                                                  return workspace.capture(std::move(records));
                                                });
    if (!some) return some;
    if (*some == 0) return all;
    all += *some;
  }
}

json::object git_report_json(const feedback::GitReport& report) {
  return {{"interactions", report.interactions}, {"new_edits", report.edits},
          {"followed", report.followed},         {"commits", report.commits},
          {"signals", report.signals},           {"unreadable", report.unreadable}};
}

Result<void> observe_git(const Invocation& call, const GitCommandOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto repository = feedback::GitRepository::open(options.repository);
  if (!repository) return fail(repository.error());
  // A rebase calls its hooks often; who comes second leaves it to the next.
  const auto lock =
      posix_files().lock((*workspace)->folder("git-" + (*repository)->id() + ".lock"));
  if (!lock && options.hook && lock.error().code == ErrorCode::kUnavailable) return {};
  if (!lock) return fail(lock.error());
  auto settings = observing(**workspace, options);
  if (!settings) return fail(settings.error());
  feedback::GitObserver observer((*workspace)->database(), **repository, (*workspace)->clock(),
                                 std::move(*settings));
  const auto report = observer.observe([&](std::vector<store::OutboxRecord> records) {
    return (*workspace)->capture(std::move(records));
  });
  if (!report) return fail(report.error());
  const auto outcomes = spread_all(**workspace);
  if (!outcomes) return fail(outcomes.error());
  if (auto done = settle_verdicts(**workspace); !done) return done;
  if (report->cut) remark("there is more history than is read at once; the rest is left out");
  json::object shown = git_report_json(*report);
  shown["outcomes"] = *outcomes;
  show(call, shown);
  return {};
}

Result<void> watch_git(const Invocation& call, const GitCommandOptions& options) {
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto repository = feedback::GitRepository::open(options.repository);
  if (!repository) return fail(repository.error());
  auto settings = observing(**workspace, options);
  if (!settings) return fail(settings.error());
  feedback::GitObserver observer((*workspace)->database(), **repository, (*workspace)->clock(),
                                 std::move(*settings));
  std::signal(SIGINT, end_watch);
  std::signal(SIGTERM, end_watch);
  remark("watching " + (*repository)->work_folder() + "; Ctrl+C ends it");
  std::int64_t signals = 0;
  std::string last_problem;
  while (watch_ends == 0) {
    const auto report = observer.watch([&](std::vector<store::OutboxRecord> records) {
      return (*workspace)->capture(std::move(records));
    });
    if (report) {
      signals += report->signals;
      last_problem.clear();
    } else if (report.error().code == ErrorCode::kInvalid) {
      return fail(report.error());
    } else if (report.error().message != last_problem) {
      last_problem = report.error().message;  // said once, until it is another
      remark(last_problem);
    }
    for (auto slept = 0ms; slept < kLooksEvery && watch_ends == 0; slept += 200ms) {
      std::this_thread::sleep_for(200ms);
    }
  }
  show(call, json::object{{"signals", signals}});
  return {};
}

// With all paths whole: git runs hooks in the folder of the repository.
Result<GitHookPlan> git_hooks_here(const Invocation& call) {
  const auto settings = call.settings();
  if (!settings) return fail(settings.error());
  std::string config = call.config;
  if (config.empty() && std::filesystem::exists("hone.toml")) config = "hone.toml";
  return plan_git_hooks({.program = call.program,
                         .config = absolute_path(config),
                         .data = absolute_path(settings->data)});
}

std::string_view state_name(GitHookState state) {
  switch (state) {
    case GitHookState::kInstalled:
      return "installed";
    case GitHookState::kOutdated:
      return "of another version or other settings";
    case GitHookState::kAbsent:
      break;
  }
  return "not installed";
}

// Which of the hooks stand, as a table, and the text of one.
void show_git_hooks(const Invocation& call, const GitHookPlan& plan) {
  json::array rows;
  for (const GitHook& hook : plan.hooks) {
    rows.push_back(json::object{{"hook", hook.path},
                                {"state", state_name(hook.state)},
                                {"kept", hook.chains ? hook.kept : std::string()}});
  }
  show(call, rows);
  if (!call.json) remark("each would be:\n" + plan.hooks.front().text);
}

Result<void> check_git_hooks(const Invocation& call, const GitHookPlan& plan) {
  show_git_hooks(call, plan);
  const auto stands = [](const GitHook& hook) { return hook.state == GitHookState::kInstalled; };
  if (std::all_of(plan.hooks.begin(), plan.hooks.end(), stands)) return {};
  const auto absent = [](const GitHook& hook) { return hook.state == GitHookState::kAbsent; };
  return fail(std::all_of(plan.hooks.begin(), plan.hooks.end(), absent) ? ErrorCode::kNotFound
                                                                        : ErrorCode::kConflict,
              "git is not connected as it should be: `hone connect git` writes what is missing");
}

Result<std::string> commit_named(const OutcomeCommandOptions& options) {
  if (feedback::is_commit_id(options.commit)) return options.commit;
  const auto repository = feedback::GitRepository::open(options.repository);
  if (!repository) {
    return fail(ErrorCode::kInvalid,
                "--commit must be a full id of 40 digits, or a name in the "
                "repository at --repository, and there is none: " +
                    repository.error().message);
  }
  return (*repository)->resolve(options.commit);
}

Result<void> tell_outcome(const Invocation& call, const OutcomeCommandOptions& options) {
  auto commit = commit_named(options);
  if (!commit) return fail(commit.error());
  feedback::CiOutcome told{.commit = *commit, .passed = options.result == "pass"};
  if (!options.at.empty()) {
    const auto at = parse_time(options.at);
    if (!at) return fail(at.error().with("--at"));
    told.at = *at;
  }
  auto workspace = call.open();
  if (!workspace) return fail(workspace.error());
  auto name = (*workspace)->redactor().redact(options.name);
  if (!name) return fail(name.error());
  told.name = std::move(*name);
  told.run = options.run;
  const auto fact = feedback::outcome_feedback(told, "ci:command", (*workspace)->clock().now());
  if (auto kept = (*workspace)->capture({store::feedback_record(fact, "")}); !kept) return kept;
  const auto told_to = spread_all(**workspace);
  if (!told_to) return fail(told_to.error());
  if (auto done = settle_verdicts(**workspace); !done) return done;
  const auto known =
      (*workspace)
          ->database()
          .query("SELECT COUNT(DISTINCT interaction_id) AS n FROM git_commit WHERE commit_id = ?",
                 {*commit});
  if (!known) return fail(known.error());
  const auto interactions = known->front().integer("n");
  if (interactions == 0) {
    remark(
        "no edit is known in this commit yet: the outcome waits until `hone git observe` finds "
        "one");
  }
  show(call, json::object{{"id", fact.id},
                          {"commit", *commit},
                          {"interactions", interactions},
                          {"waiting", interactions == 0}});
  return {};
}

void add_git_part(CLI::App& git, Invocation& call,
                  const std::shared_ptr<GitCommandOptions>& options, const std::string& name,
                  const std::string& what,
                  Result<void> (*run)(const Invocation&, const GitCommandOptions&)) {
  auto* command = git.add_subcommand(name, what);
  command->add_option("--repository", options->repository,
                      "a folder in it, or a mirror (default: here)");
  if (name == "observe") {
    command->add_option("--main", options->main,
                        "the main branch (default: what the remote says, or main, or master)");
    command->add_option("--since", options->since,
                        "reads interactions and history from this time on again");
    command->add_flag("--hook", options->hook, "called by git: leaves it to one that runs already");
  }
  command->callback([&call, options, run] {
    call.action = [&call, options, run] { return run(call, *options); };
  });
}

}  // namespace

Result<void> connect_git(const Invocation& call, GitConnection what) {
  const auto plan = git_hooks_here(call);
  if (!plan) return fail(plan.error());
  if (what == GitConnection::kCheck) return check_git_hooks(call, *plan);
  if (what == GitConnection::kShow) {
    show_git_hooks(call, *plan);
    return {};
  }
  const bool install = what == GitConnection::kInstall;
  const auto changed = install ? install_git_hooks(*plan) : remove_git_hooks(*plan);
  if (!changed) return fail(changed.error());
  show(call, json::object{{"folder", plan->folder}, {install ? "written" : "removed", *changed}});
  return {};
}

void add_git(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<GitCommandOptions>();
  auto* git = app.add_subcommand(
      "git",
      "whether edits of tools survive: observe, watch (docs/guides/git.md); `hone connect git` has "
      "git call it");
  git->require_subcommand(1);
  add_git_part(*git, call, options, "observe",
               "reads history since the last time: the commit, the merge, 24 hours, reverts; "
               "observing twice adds nothing",
               observe_git);
  add_git_part(*git, call, options, "watch",
               "looks at the working tree 30 s, 2, 5 and 10 minutes after each edit, until ended",
               watch_git);
}

void add_feedback_outcome(CLI::App& feedback, Invocation& call) {
  auto options = std::make_shared<OutcomeCommandOptions>();
  auto* command = feedback.add_subcommand(
      "outcome", "what tests or CI say about a commit, for the answers whose edits are in it");
  command->add_option("--commit", options->commit, "its id, or a name for it such as HEAD")
      ->required();
  command->add_option("--result", options->result, "pass or fail")
      ->required()
      ->check(CLI::IsMember({"pass", "fail"}));
  command->add_option("--name", options->name, "of the job: two jobs are two outcomes");
  command->add_option("--run", options->run,
                      "of the job, as CI numbers it: two runs are two outcomes (default: each "
                      "result of a job is one)");
  command->add_option("--at", options->at, "when it ended, ISO 8601 (default: now)");
  command->add_option("--repository", options->repository,
                      "where a name for the commit is looked up (default: here)");
  command->callback([&call, options] {
    call.action = [&call, options] { return tell_outcome(call, *options); };
  });
}

}  // namespace hone::cli
