#include "cli/git_hooks.h"

#include <array>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "feedback/git_repository.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kHookNames = {"post-commit", "post-merge",
                                                        "post-rewrite"};
constexpr std::string_view kKept = ".before-hone";
// The second line of a hook of ours, whatever version wrote it; the last one shows that it is
// whole.
constexpr std::string_view kFirstLines = "#!/bin/sh\n# Hone's git hook, version ";
constexpr std::string_view kLastLine = "# End of Hone's git hook.\n";
constexpr std::uint64_t kMostHookText = 1U << 20;

// One word of a shell.
std::string shell_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string hook_text(const GitHookOptions& options) {
  std::string command = shell_quoted(options.program);
  if (!options.config.empty()) command += " --config " + shell_quoted(options.config);
  if (!options.data.empty()) command += " --data " + shell_quoted(options.data);
  // git's variables are for the hook that was here before; ours finds the repository by its folder.
  return std::string(kFirstLines) +
         "1. `hone connect git --remove` takes it away and puts back what was here.\n"
         "status=0\n"
         "if [ -x \"$0" +
         std::string(kKept) +
         "\" ]; then\n"
         "  \"$0" +
         std::string(kKept) +
         "\" \"$@\" || status=$?\n"
         "fi\n"
         "(\n"
         "  unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE\n"
         "  exec " +
         command +
         " git observe --hook --repository . </dev/null >/dev/null 2>&1\n"
         ") &\n"
         "exit $status\n" +
         std::string(kLastLine);
}

bool is_ours(std::string_view text) {
  return text.starts_with(kFirstLines);
}

// "" where there is none.
Result<std::string> read_hook(const std::string& path) {
  auto text = read_file(posix_files(), path, kMostHookText);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::string();
  return text;
}

bool hook_exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

Result<void> move_hook(const std::string& from, const std::string& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed)
    return fail(ErrorCode::kIo, from + " cannot be moved to " + to + ": " + failed.message());
  return {};
}

Result<void> write_hook(const GitHook& hook) {
  if (auto written = write_file_atomically(posix_files(), hook.path, hook.text); !written) {
    return written;
  }
  std::error_code failed;
  fs::permissions(hook.path, fs::perms(0755), failed);
  if (failed)
    return fail(ErrorCode::kIo, hook.path + " cannot be made a program: " + failed.message());
  return {};
}

bool lies_in(const std::string& folder, const std::string& top) {
  if (top.empty()) return false;
  const auto relative = fs::path(folder).lexically_relative(top);
  return !relative.empty() && *relative.begin() != "..";
}

Result<std::string> hooks_folder(const feedback::GitRepository& repository) {
  const std::string own = repository.git_folder();
  const std::string path = repository.setting("core.hookspath");
  if (path.empty()) return own + "/hooks";
  const fs::path base = repository.work_folder().empty() ? own : repository.work_folder();
  const std::string folder = (base / path).lexically_normal().string();
  if (lies_in(folder, own) || lies_in(folder, repository.work_folder())) return folder;
  return fail(ErrorCode::kConflict,
              "core.hooksPath is " + path +
                  ", which other repositories may share: call `hone git observe --hook "
                  "--repository .` from the hooks there yourself");
}

// What says whether installing can go through, before anything is written.
Result<void> check_keepable(const GitHook& hook) {
  auto text = read_hook(hook.path);
  if (!text) return fail(text.error());
  if (hook_exists(hook.path) && !is_ours(*text) && hook_exists(hook.kept)) {
    return fail(ErrorCode::kConflict, "both " + hook.path + " and " + hook.kept +
                                          " are there, and neither is Hone's: move one away");
  }
  return {};
}

}  // namespace

Result<GitHookPlan> plan_git_hooks(const GitHookOptions& options) {
  const auto repository = feedback::GitRepository::open(options.repository);
  if (!repository) return fail(repository.error());
  auto folder = hooks_folder(**repository);
  if (!folder) return fail(folder.error());
  GitHookPlan plan{.folder = std::move(*folder)};
  for (const std::string_view name : kHookNames) {
    GitHook hook;
    hook.name = name;
    hook.path = plan.folder + "/" + hook.name;
    hook.kept = hook.path + std::string(kKept);
    hook.text = hook_text(options);
    const auto text = read_hook(hook.path);
    if (!text) return fail(text.error());
    if (*text == hook.text) {
      hook.state = GitHookState::kInstalled;
    } else if (is_ours(*text)) {
      hook.state = GitHookState::kOutdated;
    }
    hook.chains =
        hook_exists(hook.kept) || (hook.state == GitHookState::kAbsent && hook_exists(hook.path));
    plan.hooks.push_back(std::move(hook));
  }
  return plan;
}

Result<int> install_git_hooks(const GitHookPlan& plan) {
  for (const GitHook& hook : plan.hooks) {
    if (auto fine = check_keepable(hook); !fine) return fail(fine.error());
  }
  if (auto made = posix_files().make_folder(plan.folder); !made) return fail(made.error());
  int written = 0;
  for (const GitHook& hook : plan.hooks) {
    const auto text = read_hook(hook.path);
    if (!text) return fail(text.error());
    if (*text == hook.text) continue;
    if (hook_exists(hook.path) && !is_ours(*text)) {
      if (auto moved = move_hook(hook.path, hook.kept); !moved) return fail(moved.error());
    }
    if (auto done = write_hook(hook); !done) return fail(done.error());
    ++written;
  }
  return written;
}

Result<int> remove_git_hooks(const GitHookPlan& plan) {
  for (const GitHook& hook : plan.hooks) {
    const auto text = read_hook(hook.path);
    if (!text) return fail(text.error());
    if (is_ours(*text) && !text->ends_with(kLastLine)) {
      return fail(ErrorCode::kConflict,
                  hook.path +
                      " was Hone's and somebody has added to it: take the lines of Hone's "
                      "out by hand, and put back what is at " +
                      hook.kept);
    }
  }
  int removed = 0;
  for (const GitHook& hook : plan.hooks) {
    const auto text = read_hook(hook.path);
    if (!text) return fail(text.error());
    if (!is_ours(*text)) continue;
    if (hook_exists(hook.kept)) {
      if (auto moved = move_hook(hook.kept, hook.path); !moved) return fail(moved.error());
    } else if (auto gone = posix_files().remove(hook.path); !gone) {
      return fail(gone.error());
    }
    ++removed;
  }
  return removed;
}

}  // namespace hone::cli
