// A git repository, as far as survival of edits needs it: commits, what each changed, files as they
// stand in one and in the working tree. Only reads; libgit2 is seen by git_repository*.cpp alone.
//
//   auto repository = GitRepository::open(".");        // a working tree, a folder in it, a mirror
//   (*repository)->walk({.from = heads, .hidden = seen_before, .since = floor},
//                       [&](const GitCommit& commit) -> Result<bool> { …; return true; });
//
// Ids are full, in hex. Paths are relative to the top, with slashes. One thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hone::feedback {

struct GitCommit {
  std::string id;
  std::string parent;   // the first one; "" for none
  Time at{};            // the committer's time
  std::string message;  // at most 16 KiB of it
};

struct GitChange {
  std::string from;  // path before; "" where it is new
  std::string to;    // path after; "" where it is gone
};

struct GitWalk {
  std::vector<std::string> from;
  std::vector<std::string> hidden;  // these and what they hold; ids that are gone are passed over
  Time since{};                     // ends at the first that is older
  std::size_t most = 20'000;
};

class GitRepository {
 public:
  // kNotFound where `folder` lies in no repository.
  [[nodiscard]] static Result<std::unique_ptr<GitRepository>> open(const std::string& folder);
  ~GitRepository();
  GitRepository(const GitRepository&) = delete;
  GitRepository& operator=(const GitRepository&) = delete;

  // A name for this repository on this machine that says nothing about where it lies.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& work_folder() const { return work_folder_; }  // "" for a mirror
  [[nodiscard]] std::string git_folder() const;                      // of all its working trees
  [[nodiscard]] std::string setting(const std::string& name) const;  // of git's config; "" for none

  // Where branches, of remotes too, and HEAD stand; without repeats.
  [[nodiscard]] Result<std::vector<std::string>> heads() const;
  [[nodiscard]] std::optional<std::string> head() const;
  // Where the main branch stands, here and at its remote: `name`, or what the remote calls its
  // HEAD, or main, or master; of a mirror HEAD.
  [[nodiscard]] std::vector<std::string> main_heads(const std::string& name = "") const;
  [[nodiscard]] std::vector<std::string> stashes();

  // Newest first, until `visit` gives false. Returns how many.
  [[nodiscard]] Result<std::size_t> walk(
      const GitWalk& walk, const std::function<Result<bool>(const GitCommit&)>& visit) const;
  [[nodiscard]] Result<GitCommit> commit(const std::string& id) const;
  // What a name for a commit means: "HEAD", "main~2", a beginning of an id.
  [[nodiscard]] Result<std::string> resolve(const std::string& revision) const;
  // Whether `tip` is `commit` or comes after it. False where either is not here.
  [[nodiscard]] bool holds(const std::string& tip, const std::string& commit) const;

  // Against the first parent, with renames; at most 20,000 files.
  [[nodiscard]] Result<std::vector<GitChange>> changes(const std::string& commit) const;
  // What the file of commit `from` is called in `to`, where it was moved; "" where it was not.
  [[nodiscard]] std::string renamed(const std::string& from, const std::string& path,
                                    const std::string& to) const;
  // The file at that commit ("" for no commit): "" where there is none, nothing where it is no text
  // or over `kMostTextBytes`.
  [[nodiscard]] std::optional<std::string> text(const std::string& commit,
                                                const std::string& path) const;
  // What names the content of the file there; "" where there is none.
  [[nodiscard]] std::string content_id(const std::string& commit, const std::string& path) const;

  // Likewise, of the working tree.
  [[nodiscard]] std::optional<std::string> work_text(const std::string& path) const;
  // Files there that are new or changed since HEAD, at most `most`.
  [[nodiscard]] std::vector<std::string> changed_in_work(std::size_t most) const;

 private:
  struct Handles;
  explicit GitRepository(std::unique_ptr<Handles> handles);
  std::unique_ptr<Handles> handles_;
  std::string id_;
  std::string work_folder_;
};

}  // namespace hone::feedback
