// How a subcommand of `hone` is made: a function adds it to the command line and says what it runs.
//
//   void add_key(CLI::App& app, Invocation& call) {
//     auto* create = app.add_subcommand("create", "…");
//     create->callback([&call] { call.action = [&call] { return create_key(call); }; });
//   }
//
// An action returns what happened; `main` prints the error and chooses the exit status:
// 0 done, 1 failed, 2 wrong input, 3 not found, 4 try again later.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/settings.h"
#include "cli/workspace.h"

namespace hone::cli {

struct Invocation {
  std::string config;   // --config
  std::string data;     // --data; empty: what the settings say
  bool json = false;    // --json: machine-readable on standard output
  std::string program;  // path of this program, to find the others beside it
  // As this program was started, to start it again.
  std::vector<std::string> command{};
  std::function<Result<void>()> action;

  [[nodiscard]] Result<Settings> settings() const;
  [[nodiscard]] Result<std::unique_ptr<Workspace>> open() const;
  [[nodiscard]] std::string beside(std::string_view other_program) const;
};

// Prints `value`: as JSON with --json, else an array of objects as a table of `columns` (all keys
// of the first where empty), an object as "name: value" lines.
void show(const Invocation& call, const json::value& value,
          const std::vector<std::string_view>& columns = {});

// Progress and remarks go to standard error, so that standard output stays machine-readable.
void remark(const std::string& line);

[[nodiscard]] int exit_status(const Error& error);

// Whether what was parsed, or was not to be parsed, is `hone hook`, which must not fail, mistyped
// or not: status 2 stops the tool's work. Another subcommand's argument "hook" is none.
[[nodiscard]] bool is_hook(const CLI::App& app);

void add_serve(CLI::App& app, Invocation& call);
void add_key(CLI::App& app, Invocation& call);
void add_person(CLI::App& app, Invocation& call);
void add_import(CLI::App& app, Invocation& call);
void add_connect(CLI::App& app, Invocation& call);
void add_redact(CLI::App& app, Invocation& call);
void add_session(CLI::App& app, Invocation& call);
void add_feedback(CLI::App& app, Invocation& call);
void add_hook(CLI::App& app, Invocation& call);
// `feedback outcome`, a part of `hone feedback`.
void add_feedback_outcome(CLI::App& feedback, Invocation& call);
void add_git(CLI::App& app, Invocation& call);
// `hone connect git`: hooks that observe, in the repository of this folder (git_hooks.h).
enum class GitConnection { kCheck, kShow, kInstall, kRemove };
[[nodiscard]] Result<void> connect_git(const Invocation& call, GitConnection what);
void add_verdict(CLI::App& app, Invocation& call);
void add_dataset(CLI::App& app, Invocation& call);
void add_model(CLI::App& app, Invocation& call);
void add_train(CLI::App& app, Invocation& call);
void add_evaluate(CLI::App& app, Invocation& call);
void add_release(CLI::App& app, Invocation& call);
void add_loop(CLI::App& app, Invocation& call);
void add_demo(CLI::App& app, Invocation& call);

}  // namespace hone::cli
