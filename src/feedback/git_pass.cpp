#include "feedback/git_pass.h"

#include <algorithm>

#include "base/id.h"
#include "store/feedback_record.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;

constexpr auto kGitDay = 24h;
constexpr auto kGitSettled = 10min;  // before that, an edit may still be on its way to the disk
constexpr auto kDroppedAfter = 1h;   // a rebase under way may take a while
constexpr double kMeant = 0.5;       // of a file that only its name points to
constexpr std::size_t kMeantLines = 2;
constexpr double kReverted = 0.5;  // a revert takes out so much of what had stood
// Commits have whole seconds, and a tool may have written until the very last of one.
constexpr auto kWithinSecond = 999ms;
constexpr std::size_t kMostOthers = 200;
constexpr std::size_t kMostSteps = 5'000;  // back in history, for one answer

bool lies_inside(const GitEdit& edit) {
  return std::ranges::all_of(edit.files, [](const EditedFile& file) { return file.inside; });
}

}  // namespace

void GitPass::read_commit(const GitCommit& commit, const std::vector<GitChange>& changes) {
  for (GitEdit& edit : edits_) {
    if (edit.closed || edit.at > commit.at + kGitSkew) continue;
    const auto files = measure_.touched(edit, changes);
    if (files.empty()) continue;
    if (!read_revert(edit, commit, files)) read_edit(edit, commit, files);
  }
}

void GitPass::read_edit(GitEdit& edit, const GitCommit& commit,
                        const std::vector<std::size_t>& files) {
  const auto sure = [&](std::size_t file) { return edit.files[file].inside; };
  const bool all_sure = edit.repository == repository_.id() || std::ranges::all_of(files, sure);
  const Time until = commit.at + kWithinSecond;
  const auto brought = measure_.at_commit(edit, files, commit.id, commit.parent, until);
  const bool enough =
      brought && brought->survived() > 0 &&
      (all_sure || (brought->fraction() >= kMeant && brought->survived() >= kMeantLines));
  if (enough) {
    edit.repository = repository_.id();
    if (std::ranges::find(edit.commits, commit.id) == edit.commits.end()) {
      edit.commits.push_back(commit.id);
      edit.new_commits.push_back(commit.id);
    }
    if (!edit.commit.empty()) return;
    edit.commit = commit.id;
    edit.committed_at = commit.at;
    found_now_.push_back(&edit);
    say(edit, "commit", *brought, commit.at, commit.id, false);
    return;
  }
  if (edit.commit.empty() && edit.repository.empty()) {
    // Its name pointed to another file of that name.
    for (const std::size_t file : files) {
      if (!edit.files[file].inside) edit.files[file].names.clear();
    }
  }
}

// Whether the commit takes the edit out again: a line that comes back may be much like the one that
// a tool put in its place, so this is asked before what the commit brings in.
bool GitPass::read_revert(GitEdit& edit, const GitCommit& commit,
                          const std::vector<std::size_t>& files) {
  if (edit.commit.empty() || !reverts(edit, commit, files)) return false;
  const Time until = commit.at + kWithinSecond;
  const std::string before = before_commit(edit);
  const auto had = measure_.at_commit(edit, files, commit.parent, before, until);
  const auto left = measure_.at_commit(edit, files, commit.id, before, until);
  if (!had || !left || had->survived() == 0) return false;
  const auto most = (1 - kReverted) * static_cast<double>(had->survived());
  if (static_cast<double>(left->survived()) > most) return false;
  say(edit, "revert", *left, commit.at, commit.id, true);
  return true;
}

// Whether the commit says that it reverts one of the edit's, or puts a file back to what it was
// before one of them.
bool GitPass::reverts(const GitEdit& edit, const GitCommit& commit,
                      const std::vector<std::size_t>& files) const {
  for (const std::string& own : edit.commits) {
    if (commit.message.find("This reverts commit " + own) != std::string::npos) return true;
    const auto read = repository_.commit(own);
    if (!read) continue;
    for (const std::size_t file : files) {
      for (const std::string& name : edit.files[file].names) {
        const auto now = repository_.content_id(commit.id, name);
        if (now == repository_.content_id(read->parent, name) &&
            now != repository_.content_id(own, name)) {
          return true;
        }
      }
    }
  }
  return false;
}

std::string GitPass::before_commit(const GitEdit& edit) const {
  const auto commit = repository_.commit(edit.commit);
  return commit ? commit->parent : "";  // gone with its branch: nothing is known to have stood
}

// Many edits share a commit, and history is long.
bool GitPass::held_by(const std::string& tip, const std::string& commit) {
  const auto [found, is_new] = held_.try_emplace({tip, commit}, false);
  if (is_new) found->second = repository_.holds(tip, commit);
  return found->second;
}

bool GitPass::held_by_any(const GitEdit& edit, const std::vector<std::string>& tips) {
  return std::ranges::any_of(tips, [&](const std::string& tip) {
    return std::ranges::any_of(edit.commits,
                               [&](const std::string& own) { return held_by(tip, own); });
  });
}

Result<void> GitPass::ask(GitEdit& edit, const std::vector<std::string>& heads,
                          const std::vector<std::string>& main) {
  if (edit.closed) return {};
  if (edit.commit.empty()) return ask_discarded(edit);
  std::vector<std::string> tips = main;
  if (const auto head = repository_.head()) tips.push_back(*head);
  tips.insert(tips.end(), heads.begin(), heads.end());
  if (!held_by_any(edit, tips)) return ask_dropped(edit, heads);
  ask_merge(edit, main);
  return ask_day(edit, tips);
}

// What is on the main branch when it is first seen is one fact, and not two.
void GitPass::ask_merge(GitEdit& edit, const std::vector<std::string>& main) {
  if (edit.merged) return;
  const auto tip =
      std::ranges::find_if(main, [&](const std::string& one) { return held_by_any(edit, {one}); });
  if (tip == main.end()) return;
  edit.merged = true;
  if (std::ranges::find(found_now_, &edit) != found_now_.end()) return;
  const auto commit = repository_.commit(*tip);
  if (!commit) return;
  const auto stands = measure_.at_commit(edit, GitMeasure::all_files(edit), *tip,
                                         before_commit(edit), commit->at + kGitSkew);
  if (stands && stands->counted > 0) {
    say(edit, "merge", *stands, std::min(commit->at, now_), *tip, stands->survived() == 0);
  }
}

// `tips`: where to look, the best first.
Result<void> GitPass::ask_day(GitEdit& edit, const std::vector<std::string>& tips) {
  const Time due = edit.committed_at + kGitDay;
  if (edit.closed || now_ < due || edit.checks.contains("day")) return {};
  const auto tip =
      std::ranges::find_if(tips, [&](const std::string& one) { return held_by_any(edit, {one}); });
  if (tip == tips.end()) return {};
  std::string state;
  const GitWalk walk{.from = {*tip}, .since = edit.committed_at - kGitSkew, .most = kMostSteps};
  const auto walked = repository_.walk(walk, [&](const GitCommit& commit) -> Result<bool> {
    if (commit.at > due || !held_by_any(edit, {commit.id})) return true;
    state = commit.id;
    return false;
  });
  if (!walked) return fail(walked.error());
  if (state.empty()) state = *tip;  // it came to this branch later, in a commit of its own
  const auto stands =
      measure_.at_commit(edit, GitMeasure::all_files(edit), state, before_commit(edit), due);
  if (stands && stands->counted > 0) {
    say(edit, "day", *stands, due, state, stands->survived() == 0);
  } else {
    edit.checks.insert("day");
  }
  return {};
}

// Reset, a branch thrown away, a force-push: unless the text is there in another way.
Result<void> GitPass::ask_dropped(GitEdit& edit, const std::vector<std::string>& heads) {
  if (now_ < edit.committed_at + kDroppedAfter) return {};
  const std::string before = before_commit(edit);
  std::vector<std::string> places = repository_.stashes();
  places.insert(places.end(), heads.begin(), heads.end());
  Survival none;
  for (std::size_t i = 0; i < places.size() && i < kMostOthers; ++i) {
    const auto stands =
        measure_.at_commit(edit, GitMeasure::all_files(edit), places[i], before, now_);
    if (!stands || stands->survived() > 0) return {};
    none = *stands;
  }
  if (none.counted == 0) return {};
  if (!repository_.work_folder().empty()) {
    const auto work = measure_.in_work(edit, before, now_);
    if (work && work->survived() > 0) return {};
  }
  say(edit, "dropped", none, now_, edit.commit, true);
  return {};
}

// Only where it was made, and there is a working tree to look in.
Result<void> GitPass::ask_discarded(GitEdit& edit) {
  if (edit.made != EditMade::kYes || !lies_inside(edit) || now_ < edit.at + kGitSettled) return {};
  const auto before = before_edit(edit);
  if (!before) return fail(before.error());
  const auto work = measure_.in_work(edit, *before, now_);
  if (!work || work->counted == 0 || work->survived() > 0) return {};
  const std::string head = repository_.head().value_or("");
  if (!changed_) changed_ = repository_.changed_in_work(kMostOthers);
  for (const std::string& path : *changed_) {
    const auto other = measure_.in_other(edit, path, head, now_);
    if (other && other->survived() > 0) return {};
  }
  for (const std::string& stash : repository_.stashes()) {
    const auto kept = measure_.at_commit(edit, GitMeasure::all_files(edit), stash, *before, now_);
    if (!kept || kept->survived() > 0) return {};
  }
  edit.repository = repository_.id();
  say(edit, "discarded", *work, now_, "", true);
  return {};
}

// The commit that HEAD stood at, as far as can be told, when the edit was made.
Result<std::string> GitPass::before_edit(const GitEdit& edit) const {
  const auto head = repository_.head();
  if (!head) return std::string();
  std::string found;
  const GitWalk walk{.from = {*head}, .most = kMostSteps};
  const auto walked = repository_.walk(walk, [&](const GitCommit& commit) -> Result<bool> {
    if (commit.at > edit.at) return true;
    found = commit.id;
    return false;
  });
  if (!walked) return fail(walked.error());
  return found;
}

Result<std::optional<Survival>> GitPass::in_work(const GitEdit& edit) {
  const auto before = before_edit(edit);
  if (!before) return fail(before.error());
  return measure_.in_work(edit, *before, now_);
}

void GitPass::say(GitEdit& edit, std::string_view check, const Survival& survival, Time at,
                  const std::string& commit, bool undone) {
  if (!edit.checks.insert(std::string(check)).second) return;
  if (undone) edit.closed = true;
  store::Feedback feedback;
  feedback.source = "git";
  feedback.idempotency_key =
      "git/" + std::string(check) + "/" + edit.interaction + "/" + edit.tool_call;
  feedback.at = std::min(at, now_);
  feedback.id = derived_id("fb", feedback.at, feedback.idempotency_key);
  feedback.handle = {"id", edit.interaction};
  feedback.kind = undone ? "undone" : "persisted";
  // That a text stands, nobody decides; who took it away is not known.
  feedback.by = undone ? "unknown" : "automatic";
  feedback.value = survival.fraction();
  feedback.detail = {
      {"check", check},          {"tool_call", edit.tool_call},   {"lines", survival.counted},
      {"exact", survival.exact}, {"reflowed", survival.reflowed}, {"edited", survival.edited}};
  if (!commit.empty()) feedback.detail["commit"] = commit;
  feedback.received_at = now_;
  records.push_back(store::feedback_record(feedback, edit.person));
}

}  // namespace hone::feedback
