#include "feedback/git_repository.h"

#include <git2.h>

#include <algorithm>
#include <cstdint>

#include "base/file.h"
#include "base/hash.h"
#include "feedback/survival.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kMostMessageBytes = 16U << 10;
constexpr std::size_t kMostChanges = 20'000;
constexpr std::size_t kMostHeads = 10'000;

template <auto Free>
struct GitFree {
  void operator()(auto* thing) const { Free(thing); }
};
template <typename T, auto Free>
using GitOwned = std::unique_ptr<T, GitFree<Free>>;
using OwnedRepository = GitOwned<git_repository, git_repository_free>;
using OwnedReference = GitOwned<git_reference, git_reference_free>;
using OwnedObject = GitOwned<git_object, git_object_free>;
using OwnedCommit = GitOwned<git_commit, git_commit_free>;
using OwnedTree = GitOwned<git_tree, git_tree_free>;
using OwnedEntry = GitOwned<git_tree_entry, git_tree_entry_free>;
using OwnedBlob = GitOwned<git_blob, git_blob_free>;
using OwnedDiff = GitOwned<git_diff, git_diff_free>;
using OwnedWalk = GitOwned<git_revwalk, git_revwalk_free>;
using OwnedBranches = GitOwned<git_branch_iterator, git_branch_iterator_free>;
using OwnedStatus = GitOwned<git_status_list, git_status_list_free>;
using OwnedConfig = GitOwned<git_config, git_config_free>;

// Calls `make` for what it makes through a pointer; nothing where it fails.
template <typename Owned>
Owned own(auto make) {
  typename Owned::pointer made = nullptr;
  if (make(&made) < 0) return nullptr;
  return Owned(made);
}

Error repository_error(const std::string& what, int status) {
  const auto* last = git_error_last();
  const std::string reason = last == nullptr || last->message == nullptr ? "" : last->message;
  Error error{ErrorCode::kIo, what + (reason.empty() ? "" : ": " + reason)};
  if (status == GIT_ENOTFOUND) error.code = ErrorCode::kNotFound;
  if (status == GIT_EOWNER) {
    error.code = ErrorCode::kDenied;
    error.message +=
        "; it belongs to somebody else: `git config --global --add safe.directory "
        "FOLDER` says that it is to be read all the same";
  }
  return error;
}

std::optional<git_oid> oid_of(const std::string& id) {
  git_oid oid;
  if (id.size() != GIT_OID_HEXSZ || git_oid_fromstr(&oid, id.c_str()) < 0) return std::nullopt;
  return oid;
}

std::string oid_text(const git_oid* oid) {
  if (oid == nullptr) return "";
  std::string text(GIT_OID_HEXSZ, '0');
  git_oid_fmt(text.data(), oid);
  return text;
}

std::string path_or_empty(const char* path) {
  return path == nullptr ? "" : path;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

GitCommit read_git_commit(const git_commit* commit) {
  GitCommit read;
  read.id = oid_text(git_commit_id(commit));
  if (git_commit_parentcount(commit) > 0) read.parent = oid_text(git_commit_parent_id(commit, 0));
  // A commit may say any number: one beyond the year 9999 is that, and one before 1970 is no time.
  constexpr std::int64_t kLatestCommit = 253'402'300'799;
  read.at = Time(
      std::chrono::seconds(std::clamp<std::int64_t>(git_commit_time(commit), 0, kLatestCommit)));
  read.message =
      std::string_view(path_or_empty(git_commit_message(commit))).substr(0, kMostMessageBytes);
  return read;
}

// Follows symbolic references and tags to a commit.
std::string target_of(git_reference* reference) {
  const auto object = own<OwnedObject>(
      [&](auto** made) { return git_reference_peel(made, reference, GIT_OBJECT_COMMIT); });
  return object ? oid_text(git_object_id(object.get())) : "";
}

}  // namespace

struct GitRepository::Handles {
  OwnedRepository repository;

  OwnedCommit commit(const std::string& id) const {
    const auto oid = oid_of(id);
    if (!oid) return nullptr;
    return own<OwnedCommit>(
        [&](auto** made) { return git_commit_lookup(made, repository.get(), &*oid); });
  }
  static OwnedTree tree(const OwnedCommit& commit) {
    if (!commit) return nullptr;
    return own<OwnedTree>([&](auto** made) { return git_commit_tree(made, commit.get()); });
  }
  OwnedEntry entry(const std::string& id, const std::string& path) const {
    const auto top = tree(commit(id));
    if (!top) return nullptr;
    return own<OwnedEntry>(
        [&](auto** made) { return git_tree_entry_bypath(made, top.get(), path.c_str()); });
  }
  // With renames. `before`: none for nothing.
  OwnedDiff diff(const OwnedTree& before, const OwnedTree& after) const {
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
    auto made = own<OwnedDiff>([&](auto** result) {
      return git_diff_tree_to_tree(result, repository.get(), before.get(), after.get(), &options);
    });
    if (made && git_diff_num_deltas_of_type(made.get(), GIT_DELTA_ADDED) > 0 &&
        git_diff_num_deltas_of_type(made.get(), GIT_DELTA_DELETED) > 0) {
      git_diff_find_options renames = GIT_DIFF_FIND_OPTIONS_INIT;
      renames.flags = GIT_DIFF_FIND_RENAMES;
      renames.rename_limit = 200;
      (void)git_diff_find_similar(made.get(), &renames);
    }
    return made;
  }
  std::string named(const std::string& name) const {
    const auto reference = own<OwnedReference>(
        [&](auto** made) { return git_reference_lookup(made, repository.get(), name.c_str()); });
    return reference ? target_of(reference.get()) : "";
  }
};

GitRepository::GitRepository(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {
  work_folder_ = without_slash(path_or_empty(git_repository_workdir(handles_->repository.get())));
  id_ = hex(sha256(git_folder())).substr(0, 16);
}
GitRepository::~GitRepository() = default;

Result<std::unique_ptr<GitRepository>> GitRepository::open(const std::string& folder) {
  static const int started = git_libgit2_init();
  if (started < 0) return fail(repository_error("libgit2 does not start", started));
  git_repository* opened = nullptr;
  const int status = git_repository_open_ext(&opened, folder.c_str(), 0, nullptr);
  if (status < 0) return fail(repository_error("no git repository at " + folder, status));
  auto handles = std::make_unique<Handles>();
  handles->repository.reset(opened);
  return std::unique_ptr<GitRepository>(new GitRepository(std::move(handles)));
}

std::string GitRepository::git_folder() const {
  return without_slash(path_or_empty(git_repository_commondir(handles_->repository.get())));
}

std::string GitRepository::setting(const std::string& name) const {
  const auto config = own<OwnedConfig>([&](auto** made) {
    return git_repository_config_snapshot(made, handles_->repository.get());
  });
  const char* value = nullptr;
  if (!config || git_config_get_string(&value, config.get(), name.c_str()) < 0) return "";
  return path_or_empty(value);
}

std::optional<std::string> GitRepository::head() const {
  std::string id = handles_->named("HEAD");
  if (id.empty()) return std::nullopt;
  return id;
}

Result<std::vector<std::string>> GitRepository::heads() const {
  std::vector<std::string> heads;
  const auto add = [&heads](std::string id) {
    if (!id.empty() && heads.size() < kMostHeads) heads.push_back(std::move(id));
  };
  const auto branches = own<OwnedBranches>([&](auto** made) {
    return git_branch_iterator_new(made, handles_->repository.get(), GIT_BRANCH_ALL);
  });
  if (!branches) return fail(repository_error("branches cannot be listed", 0));
  git_reference* next = nullptr;
  git_branch_t kind = GIT_BRANCH_LOCAL;
  while (git_branch_next(&next, &kind, branches.get()) == 0) {
    const OwnedReference branch(next);
    add(target_of(branch.get()));
  }
  add(head().value_or(""));
  std::ranges::sort(heads);
  heads.erase(std::ranges::unique(heads).begin(), heads.end());
  return heads;
}

std::vector<std::string> GitRepository::main_heads(const std::string& name) const {
  std::vector<std::string> names;
  if (!name.empty()) {
    names = {"refs/heads/" + name, "refs/remotes/origin/" + name};
  } else if (work_folder_.empty()) {
    names = {"HEAD"};
  } else {
    names = {"refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"};
  }
  std::vector<std::string> heads;
  for (const std::string& one : names) {
    std::string id = handles_->named(one);
    if (!id.empty()) heads.push_back(std::move(id));
  }
  return heads;
}

std::vector<std::string> GitRepository::stashes() {
  std::vector<std::string> ids;
  const auto add = [](std::size_t, const char*, const git_oid* id, void* all) {
    static_cast<std::vector<std::string>*>(all)->push_back(oid_text(id));
    return 0;
  };
  (void)git_stash_foreach(handles_->repository.get(), add, &ids);  // none, where it fails
  return ids;
}

Result<std::size_t> GitRepository::walk(
    const GitWalk& walk, const std::function<Result<bool>(const GitCommit&)>& visit) const {
  const auto walker = own<OwnedWalk>(
      [&](auto** made) { return git_revwalk_new(made, handles_->repository.get()); });
  if (!walker) return fail(repository_error("history cannot be read", 0));
  (void)git_revwalk_sorting(walker.get(), GIT_SORT_TIME);
  for (const std::string& id : walk.from) {
    const auto oid = oid_of(id);
    const int pushed = oid ? git_revwalk_push(walker.get(), &*oid) : GIT_ENOTFOUND;
    if (pushed < 0) return fail(repository_error("commit " + id + " cannot be read", pushed));
  }
  for (const std::string& id : walk.hidden) {
    const auto oid = oid_of(id);
    if (oid && handles_->commit(id)) (void)git_revwalk_hide(walker.get(), &*oid);
  }
  std::size_t visited = 0;
  git_oid next;
  while (visited < walk.most && git_revwalk_next(&next, walker.get()) == 0) {
    const auto found = commit(oid_text(&next));
    if (!found) return fail(found.error());
    if (found->at < walk.since) break;
    ++visited;
    const auto more = visit(*found);
    if (!more) return fail(more.error());
    if (!*more) break;
  }
  return visited;
}

Result<GitCommit> GitRepository::commit(const std::string& id) const {
  const auto found = handles_->commit(id);
  if (!found)
    return fail(repository_error("commit " + id + " is not in this repository", GIT_ENOTFOUND));
  return read_git_commit(found.get());
}

Result<std::string> GitRepository::resolve(const std::string& revision) const {
  git_object* made = nullptr;
  const int status = git_revparse_single(&made, handles_->repository.get(), revision.c_str());
  const OwnedObject object(made);
  if (status < 0) return fail(repository_error("'" + revision + "' is no commit here", status));
  const auto commit = own<OwnedObject>(
      [&](auto** peeled) { return git_object_peel(peeled, object.get(), GIT_OBJECT_COMMIT); });
  if (!commit) return fail(ErrorCode::kNotFound, "'" + revision + "' is no commit here");
  return oid_text(git_object_id(commit.get()));
}

bool GitRepository::holds(const std::string& tip, const std::string& commit) const {
  const auto from = oid_of(tip);
  const auto to = oid_of(commit);
  if (!from || !to || !handles_->commit(commit)) return false;
  if (tip == commit) return true;
  return git_graph_descendant_of(handles_->repository.get(), &*from, &*to) == 1;
}

Result<std::vector<GitChange>> GitRepository::changes(const std::string& id) const {
  const auto commit = handles_->commit(id);
  const auto after = Handles::tree(commit);
  if (!after) return fail(repository_error("commit " + id + " cannot be read", GIT_ENOTFOUND));
  OwnedTree before;
  if (git_commit_parentcount(commit.get()) > 0) {
    const auto parent =
        own<OwnedCommit>([&](auto** made) { return git_commit_parent(made, commit.get(), 0); });
    before = Handles::tree(parent);
    // Of a shallow clone's first commit: everything would look new.
    if (!before) return std::vector<GitChange>();
  }
  const auto diff = handles_->diff(before, after);
  if (!diff) return fail(repository_error("what " + id + " changed cannot be read", 0));
  std::vector<GitChange> changes;
  const std::size_t count = std::min(git_diff_num_deltas(diff.get()), kMostChanges);
  for (std::size_t i = 0; i < count; ++i) {
    const git_diff_delta* delta = git_diff_get_delta(diff.get(), i);
    GitChange change;
    if (delta->status != GIT_DELTA_ADDED) change.from = path_or_empty(delta->old_file.path);
    if (delta->status != GIT_DELTA_DELETED) change.to = path_or_empty(delta->new_file.path);
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string GitRepository::renamed(const std::string& from, const std::string& path,
                                   const std::string& to) const {
  const auto before = Handles::tree(handles_->commit(from));
  const auto after = Handles::tree(handles_->commit(to));
  if (!before || !after) return "";
  const auto diff = handles_->diff(before, after);
  const std::size_t count = diff ? std::min(git_diff_num_deltas(diff.get()), kMostChanges) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const git_diff_delta* delta = git_diff_get_delta(diff.get(), i);
    if (delta->status == GIT_DELTA_RENAMED && path == path_or_empty(delta->old_file.path)) {
      return path_or_empty(delta->new_file.path);
    }
  }
  return "";
}

std::optional<std::string> GitRepository::text(const std::string& commit,
                                               const std::string& path) const {
  const auto entry = handles_->entry(commit, path);
  if (!entry) return "";
  if (git_tree_entry_type(entry.get()) != GIT_OBJECT_BLOB) return "";
  const auto blob = own<OwnedBlob>([&](auto** made) {
    return git_blob_lookup(made, handles_->repository.get(), git_tree_entry_id(entry.get()));
  });
  if (!blob) return std::nullopt;
  const auto size = static_cast<std::size_t>(git_blob_rawsize(blob.get()));
  if (size > kMostTextBytes || git_blob_is_binary(blob.get()) != 0) return std::nullopt;
  return std::string(static_cast<const char*>(git_blob_rawcontent(blob.get())), size);
}

std::string GitRepository::content_id(const std::string& commit, const std::string& path) const {
  const auto entry = handles_->entry(commit, path);
  return entry ? oid_text(git_tree_entry_id(entry.get())) : "";
}

std::optional<std::string> GitRepository::work_text(const std::string& path) const {
  if (work_folder_.empty()) return std::nullopt;
  auto text = read_file(posix_files(), work_folder_ + "/" + path, kMostTextBytes);
  if (text) return std::move(*text);
  if (text.error().code == ErrorCode::kNotFound) return "";
  return std::nullopt;
}

std::vector<std::string> GitRepository::changed_in_work(std::size_t most) const {
  std::vector<std::string> paths;
  if (work_folder_.empty()) return paths;
  git_status_options options = GIT_STATUS_OPTIONS_INIT;
  options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                  GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
  const auto status = own<OwnedStatus>(
      [&](auto** made) { return git_status_list_new(made, handles_->repository.get(), &options); });
  if (!status) return paths;
  const std::size_t count = git_status_list_entrycount(status.get());
  for (std::size_t i = 0; i < count && paths.size() < most; ++i) {
    const git_status_entry* entry = git_status_byindex(status.get(), i);
    const git_diff_delta* delta =
        entry->index_to_workdir != nullptr ? entry->index_to_workdir : entry->head_to_index;
    if (delta != nullptr && delta->new_file.path != nullptr && delta->status != GIT_DELTA_DELETED) {
      paths.emplace_back(delta->new_file.path);
    }
  }
  return paths;
}

}  // namespace hone::feedback
