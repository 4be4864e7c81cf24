// What git says about the edits that tools made: how much of each survived (feedback/survival.h)
// the commit, the merge, the next 24 hours, a revert, and, watched, its first minutes in the
// working tree. Each finding goes out as feedback, through the door by which all feedback comes.
//
//   GitObserver observer(database, *repository, clock, {.redact = …});
//   auto report = observer.observe([&](auto records) { return workspace.capture(records); });
//
// check      when                                                   signal
// commit     the first commit that brings lines of it in            persisted, the share that is in
// merge      the main branch holds it, and did not at once          persisted, the share
// day        24 h after the commit, as history has it               persisted; undone where 0
// revert     a commit takes it out again (says so, or restores)     undone
// dropped    no branch holds a commit of it any more, nor its text  undone
// discarded  10 min after, and nowhere in the working tree          undone; only where surely made
// 30s 2m 5m 10m  (watch) since it was first seen in the tree        persisted; undone where 0
//
// One signal for each edit and check, whoever observes and however often: the key is of the fact.
// After `undone` nothing more is asked. Rewritten history (amend, rebase, squash, force-push) is
// the same fact in another commit, which is noted (table git_commit) and no second signal.
//
// Blocking; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/git_edits.h"
#include "feedback/git_measure.h"
#include "feedback/git_repository.h"
#include "store/outbox.h"

namespace hone::feedback {

struct GitOptions {
  std::string main;           // name of the main branch; "": GitRepository::main_heads
  std::optional<Time> since;  // reads interactions and history from then on again
  GitRedact redact;           // as the store's texts are; none: they are not
};

struct GitReport {
  std::int64_t interactions = 0;  // read for edits
  std::int64_t edits = 0;         // new ones
  std::int64_t followed = 0;      // edits of this repository that are still followed
  std::int64_t commits = 0;       // read
  std::int64_t signals = 0;
  std::int64_t unreadable = 0;  // interactions whose conversation is damaged
  bool cut = false;             // there was more history than is read at once
};

class GitObserver {
 public:
  // Returns once the records are on disk; after a failure all is found again.
  using Sink = std::function<Result<void>(std::vector<store::OutboxRecord>)>;

  GitObserver(store::Database& database, GitRepository& repository, Clock& clock,
              GitOptions options = {})
      : table_(database), repository_(repository), clock_(clock), options_(std::move(options)) {}

  // Reads history since the last time, and makes the checks that are due.
  [[nodiscard]] Result<GitReport> observe(const Sink& sink);
  // One look at the working tree, to be taken every few seconds. kInvalid for a mirror.
  [[nodiscard]] Result<GitReport> watch(const Sink& sink);

 private:
  Result<void> finish(const Sink& sink, std::vector<GitEdit>& edits,
                      std::vector<store::OutboxRecord> records, GitReport& report);

  GitEditTable table_;
  GitRepository& repository_;
  Clock& clock_;
  const GitOptions options_;
  std::map<std::string, Time> first_seen_;  // in the working tree, by watch
};

}  // namespace hone::feedback
