// One observation (feedback/git_observer.h): goes through new commits, oldest first, then asks of
// each edit what is due, and gathers the signals. Used inside this folder only.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/git_edits.h"
#include "feedback/git_measure.h"
#include "feedback/git_repository.h"
#include "store/outbox.h"

namespace hone::feedback {

// Commits may bear the time of another clock.
inline constexpr std::chrono::minutes kGitSkew(2);

class GitPass {
 public:
  // `edits` outlive this and stay where they are; their names are settled.
  GitPass(GitRepository& repository, GitMeasure& measure, std::vector<GitEdit>& edits, Time now)
      : repository_(repository), measure_(measure), edits_(edits), now_(now) {}

  // In their order; each once.
  void read_commit(const GitCommit& commit, const std::vector<GitChange>& changes);
  // After the last commit. `main`: where the main branch stands, here and at its remote.
  [[nodiscard]] Result<void> ask(GitEdit& edit, const std::vector<std::string>& heads,
                                 const std::vector<std::string>& main);
  // How the edit stands in the working tree; nothing where that cannot be said.
  [[nodiscard]] Result<std::optional<Survival>> in_work(const GitEdit& edit);

  // `undone` where nothing of it is left, else `persisted`. Ends the edit where it is undone.
  void say(GitEdit& edit, std::string_view check, const Survival& survival, Time at,
           const std::string& commit, bool undone);

  std::vector<store::OutboxRecord> records;

 private:
  void read_edit(GitEdit& edit, const GitCommit& commit, const std::vector<std::size_t>& files);
  bool read_revert(GitEdit& edit, const GitCommit& commit, const std::vector<std::size_t>& files);
  bool reverts(const GitEdit& edit, const GitCommit& commit,
               const std::vector<std::size_t>& files) const;
  Result<std::string> before_edit(const GitEdit& edit) const;
  std::string before_commit(const GitEdit& edit) const;
  bool held_by(const std::string& tip, const std::string& commit);
  bool held_by_any(const GitEdit& edit, const std::vector<std::string>& tips);
  void ask_merge(GitEdit& edit, const std::vector<std::string>& main);
  Result<void> ask_day(GitEdit& edit, const std::vector<std::string>& tips);
  Result<void> ask_dropped(GitEdit& edit, const std::vector<std::string>& heads);
  Result<void> ask_discarded(GitEdit& edit);

  GitRepository& repository_;
  GitMeasure& measure_;
  std::vector<GitEdit>& edits_;
  const Time now_;
  std::map<std::pair<std::string, std::string>, bool> held_;
  std::vector<const GitEdit*> found_now_;  // whose first commit this pass has read
  // Files changed in the working tree: asked for once, where an edit has to know.
  std::optional<std::vector<std::string>> changed_;
};

}  // namespace hone::feedback
