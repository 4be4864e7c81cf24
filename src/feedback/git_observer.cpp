#include "feedback/git_observer.h"

#include <algorithm>
#include <array>
#include <set>

#include "feedback/git_pass.h"

namespace hone::feedback {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostCommits = 20'000;
constexpr auto kBeforeEdits = 1h;   // a walk goes back so much further than it must
constexpr auto kUncommitted = 48h;  // for so long, an edit in the working tree is looked for again
constexpr auto kWatched = 30min;    // after that, an edit that was never seen is not watched for
constexpr auto kLateLook = 1min;    // what the machine slept through is not said later

struct WatchStep {
  std::string_view name;
  std::chrono::seconds after;
};
constexpr std::array<WatchStep, 4> kWatchSteps = {
    {{"30s", 30s}, {"2m", 120s}, {"5m", 300s}, {"10m", 600s}}};

struct ReadCommit {
  GitCommit commit;
  std::vector<GitChange> changes;
};

// Parents before children, whatever their times say.
void order_commits(std::vector<ReadCommit>& commits) {
  std::ranges::stable_sort(commits, {}, [](const ReadCommit& one) { return one.commit.at; });
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < commits.size(); ++i) places[commits[i].commit.id] = i;
  std::vector<bool> taken(commits.size(), false);
  std::vector<ReadCommit> ordered;
  ordered.reserve(commits.size());
  for (std::size_t i = 0; i < commits.size(); ++i) {
    std::vector<std::size_t> up;
    for (std::size_t at = i; !taken[at];) {
      taken[at] = true;
      up.push_back(at);
      const auto parent = places.find(commits[at].commit.parent);
      if (parent == places.end()) break;
      at = parent->second;
    }
    while (!up.empty()) {
      ordered.push_back(std::move(commits[up.back()]));
      up.pop_back();
    }
  }
  commits = std::move(ordered);
}

// History from the time of the first edit on, without what `seen` holds, and all of it from `again`
// on.
Result<std::vector<ReadCommit>> read_commits(const GitRepository& repository,
                                             const std::vector<std::string>& heads,
                                             const std::vector<std::string>& seen, Time first,
                                             std::optional<Time> again, GitReport& report) {
  std::vector<ReadCommit> commits;
  std::set<std::string> known;
  const auto collect = [&](const GitCommit& commit) -> Result<bool> {
    if (!known.insert(commit.id).second) return true;
    auto changes = repository.changes(commit.id);
    if (!changes) return fail(changes.error());
    commits.push_back({commit, std::move(*changes)});
    return true;
  };
  std::vector<GitWalk> walks = {{.from = heads, .hidden = seen, .since = first - kBeforeEdits}};
  if (again && !seen.empty()) walks.push_back({.from = heads, .since = *again - kBeforeEdits});
  for (GitWalk& walk : walks) {
    walk.most = kMostCommits;
    const auto walked = repository.walk(walk, collect);
    if (!walked) return fail(walked.error());
    report.cut = report.cut || *walked == kMostCommits;
  }
  order_commits(commits);
  return commits;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The paths that commits touch, by their last part: most edits are of other repositories, and need
// no closer look.
class TouchedPaths {
 public:
  explicit TouchedPaths(const std::vector<ReadCommit>& commits) {
    for (const ReadCommit& one : commits) {
      for (const GitChange& change : one.changes) {
        if (!change.to.empty()) paths_[std::string(last_part(change.to))].insert(change.to);
      }
    }
  }
  [[nodiscard]] bool may_be_meant_by(const GitEdit& edit) const {
    return std::ranges::any_of(edit.paths, [this](const std::string& path) {
      const auto alike = paths_.find(last_part(path));
      return alike != paths_.end() &&
             std::ranges::any_of(alike->second,
                                 [&](const std::string& name) { return may_mean(path, name); });
    });
  }

 private:
  std::map<std::string, std::set<std::string>, std::less<>> paths_;
};

GitReport begun_report(const GitEditTable::NewEdits& read) {
  return {.interactions = read.interactions, .edits = read.edits, .unreadable = read.unreadable};
}

}  // namespace

Result<GitReport> GitObserver::observe(const Sink& sink) {
  const Time now = clock_.now();
  const auto read = table_.read_new(options_.since, now, 60min);
  if (!read) return fail(read.error());
  GitReport report = begun_report(*read);
  if (auto closed = table_.close_older(now - kGitFollows); !closed) return fail(closed.error());
  auto edits = table_.open_edits(repository_.id(), now - kGitFollows);
  if (!edits) return fail(edits.error());
  const auto heads = repository_.heads();
  if (!heads) return fail(heads.error());
  const auto seen = table_.mark(repository_.id());
  if (!seen) return fail(seen.error());
  const auto is_inside = [this](const GitEdit& edit) {
    return std::ranges::any_of(edit.paths, [this](const std::string& path) {
      return !path_inside(repository_.work_folder(), path).empty();
    });
  };
  // Edits that may not have been known when history was read last: it is read again from then on.
  std::optional<Time> again = options_.since;
  for (const GitEdit& edit : *edits) {
    const Time from = is_inside(edit) ? now - kUncommitted : seen->read_at - kBeforeEdits;
    if (edit.commit.empty() && edit.at >= from) again = std::min(again.value_or(now), edit.at);
  }
  std::vector<ReadCommit> commits;
  if (!edits->empty()) {
    auto found = read_commits(repository_, *heads, seen->heads, edits->front().at, again, report);
    if (!found) return fail(found.error());
    commits = std::move(*found);
  }
  report.commits = static_cast<std::int64_t>(commits.size());

  const TouchedPaths touched(commits);
  GitMeasure measure(repository_, options_.redact, *edits);
  std::map<std::string, std::vector<GitChange>> brought_by;  // many edits share a commit
  for (GitEdit& edit : *edits) {
    // By the path alone, before the conversation is read: most may be of other repositories.
    if (edit.repository.empty() && !is_inside(edit) && !touched.may_be_meant_by(edit)) continue;
    if (auto loaded = table_.load(edit); !loaded) return fail(loaded.error());
    if (measure.name_inside(edit) || edit.commit.empty()) continue;
    const auto [brought, is_new] = brought_by.try_emplace(edit.commit);
    if (is_new)
      brought->second = repository_.changes(edit.commit).value_or(std::vector<GitChange>());
    (void)measure.touched(edit, brought->second);
  }
  measure.index();
  GitPass pass(repository_, measure, *edits, now);
  for (const ReadCommit& one : commits) {
    pass.read_commit(one.commit, one.changes);
  }
  const auto main = repository_.main_heads(options_.main);
  for (GitEdit& edit : *edits) {
    if (edit.files.empty()) continue;
    if (auto done = pass.ask(edit, *heads, main); !done) return fail(done.error());
    if (!edit.closed && !edit.repository.empty()) ++report.followed;
  }
  if (auto done = finish(sink, *edits, std::move(pass.records), report); !done) {
    return fail(done.error());
  }
  if (auto noted = table_.save_heads(repository_.id(), *heads, now); !noted) {
    return fail(noted.error());
  }
  return report;
}

Result<void> GitObserver::finish(const Sink& sink, std::vector<GitEdit>& edits,
                                 std::vector<store::OutboxRecord> records, GitReport& report) {
  report.signals = static_cast<std::int64_t>(records.size());
  if (!records.empty()) {
    if (auto written = sink(std::move(records)); !written) return written;
  }
  // Those that were looked at and turned out to be another repository's stay as they were.
  std::erase_if(edits, [](const GitEdit& edit) { return edit.repository.empty() && !edit.closed; });
  return table_.save(edits);
}

Result<GitReport> GitObserver::watch(const Sink& sink) {
  if (repository_.work_folder().empty()) {
    return fail(ErrorCode::kInvalid, "this repository has no working tree to watch");
  }
  const Time now = clock_.now();
  const auto read = table_.read_new(std::nullopt, now, 2min);
  if (!read) return fail(read.error());
  GitReport report = begun_report(*read);
  std::erase_if(first_seen_, [&](const auto& one) { return one.second < now - kWatched; });
  auto edits = table_.open_edits(repository_.id(), now - kWatched);
  if (!edits) return fail(edits.error());
  GitMeasure measure(repository_, options_.redact, *edits);
  std::vector<GitEdit*> watched;
  for (GitEdit& edit : *edits) {
    const auto inside = [&](const std::string& path) {
      return !path_inside(repository_.work_folder(), path).empty();
    };
    if (!std::ranges::all_of(edit.paths, inside)) continue;
    if (auto loaded = table_.load(edit); !loaded) return fail(loaded.error());
    if (!edit.closed && measure.name_inside(edit)) watched.push_back(&edit);
  }
  measure.index();
  GitPass pass(repository_, measure, *edits, now);
  for (GitEdit* edit : watched) {
    const auto stands = pass.in_work(*edit);
    if (!stands) return fail(stands.error());
    if (!*stands || (*stands)->counted == 0) continue;
    const std::string name = edit->interaction + "/" + edit->tool_call;
    if ((*stands)->survived() > 0) first_seen_.try_emplace(name, now);
    const auto first = first_seen_.find(name);
    if (first == first_seen_.end()) continue;
    edit->repository = repository_.id();
    ++report.followed;
    for (const WatchStep& step : kWatchSteps) {
      const Time due = first->second + step.after;
      if (edit->closed || now < due || now > due + kLateLook) continue;
      pass.say(*edit, step.name, **stands, now, "", (*stands)->survived() == 0);
    }
  }
  if (auto done = finish(sink, *edits, std::move(pass.records), report); !done) {
    return fail(done.error());
  }
  return report;
}

}  // namespace hone::feedback
