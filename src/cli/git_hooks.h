// Hone's hooks in a git repository: after a commit, a merge and a rewrite (amend, rebase) git tells
// `hone git observe`, in the background. A hook that was there is kept beside, under its name with
// ".before-hone" behind it, and is run first with the same arguments and input; removing puts it
// back, byte for byte.
//
//   auto plan = plan_git_hooks({.repository = ".", .program = "/usr/bin/hone"});
//   for (const GitHook& hook : plan->hooks) show(hook.path, hook.text);
//   install_git_hooks(*plan);                    // adds nothing where it is there already
//   remove_git_hooks(*plan);
//
// For `hone connect git`. Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hone::cli {

struct GitHookOptions {
  std::string repository = ".";
  std::string program;  // path of `hone`
  std::string config;   // path of the settings; "": those that `hone` finds by itself
  std::string data;     // the data folder; "": what the settings say
};

enum class GitHookState {
  kAbsent,     // no hook, or somebody else's
  kInstalled,  // as we would write it
  kOutdated,   // ours, and written by another version or for other settings
};

struct GitHook {
  std::string name;  // "post-commit"
  std::string path;
  std::string kept;  // path of the hook that was there before
  std::string text;  // what stands at `path`
  GitHookState state = GitHookState::kAbsent;
  bool chains = false;  // there is a hook of somebody else's, here or kept already
};

struct GitHookPlan {
  std::string folder;
  std::vector<GitHook> hooks;
};

// Changes nothing. kConflict where the hooks of this repository lie outside of it (core.hooksPath):
// others share them.
[[nodiscard]] Result<GitHookPlan> plan_git_hooks(const GitHookOptions& options);
// Returns how many files it wrote. All or none: kConflict where a hook cannot be kept.
[[nodiscard]] Result<int> install_git_hooks(const GitHookPlan& plan);
// Returns how many it took away. kConflict, naming it, where somebody has changed ours.
[[nodiscard]] Result<int> remove_git_hooks(const GitHookPlan& plan);

}  // namespace hone::cli
