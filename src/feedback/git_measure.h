// How much of an edit stands at a place in git: in a commit, or in the working tree. Knows what the
// files of the edits are called there, follows files that are renamed, and takes off what is no
// matter of survival:
//
//   - lines that stood in the file before the edit;
//   - lines that a later edit by a tool took out or wrote over (superseded): the tool's own next
//     draft says nothing about what people think of the first.
//
// Where the store holds placeholders ("<EMAIL:7f3a>"), the repository's text is redacted in the
// same way before it is compared. Used inside this folder only.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/git_edits.h"
#include "feedback/git_repository.h"
#include "feedback/survival.h"

namespace hone::feedback {

using GitRedact = std::function<Result<std::string>(std::string_view)>;

// The path inside `top` of an absolute path; "" where it lies elsewhere.
[[nodiscard]] std::string path_inside(const std::string& top, const std::string& path);
// Whether a tool's path may mean the file `name` of a repository: it ends with it, part by part.
[[nodiscard]] bool may_mean(std::string_view path, std::string_view name);

class GitMeasure {
 public:
  // `edits`: oldest first; they outlive this, and stay where they are.
  GitMeasure(const GitRepository& repository, GitRedact redact, std::vector<GitEdit>& edits)
      : repository_(repository), redact_(std::move(redact)), edits_(edits) {}

  // Names of files that lie in the working tree. Returns whether all of the edit's do.
  bool name_inside(GitEdit& edit) const;
  // After the names are settled: which edits are of the same file.
  void index();
  // Which files of the edit the changes of a commit touch, by their index; takes over new names,
  // and, of files without a name, those that they may mean.
  std::vector<std::size_t> touched(GitEdit& edit, const std::vector<GitChange>& changes) const;

  // Of these files, in `commit`, beside how they were in `before` ("" for no commit). What tools
  // did until `until` supersedes. Nothing where a file cannot be read as text.
  [[nodiscard]] std::optional<Survival> at_commit(const GitEdit& edit,
                                                  const std::vector<std::size_t>& files,
                                                  const std::string& commit,
                                                  const std::string& before, Time until);
  [[nodiscard]] std::optional<Survival> in_work(const GitEdit& edit, const std::string& before,
                                                Time until);
  // Of all of the edit, in another file.
  [[nodiscard]] std::optional<Survival> in_other(const GitEdit& edit, const std::string& path,
                                                 const std::string& head, Time until);

  [[nodiscard]] static std::vector<std::size_t> all_files(const GitEdit& edit);

 private:
  using Text = std::shared_ptr<const SqueezedText>;
  [[nodiscard]] std::vector<std::string> lines_of(const GitEdit& edit, std::size_t file,
                                                  Time until) const;
  [[nodiscard]] SqueezedText before_without(const SqueezedText& before, const GitEdit& edit,
                                            std::size_t file,
                                            const std::vector<std::string>& lines) const;
  [[nodiscard]] std::optional<Survival> compare(const GitEdit& edit, std::size_t file,
                                                const SqueezedText& now, const std::string& before,
                                                Time until);
  [[nodiscard]] std::string name_in(const GitEdit& edit, std::size_t file,
                                    const std::string& commit) const;
  [[nodiscard]] Text text_at(const std::string& commit, const std::string& path, bool redacted);
  [[nodiscard]] std::optional<SqueezedText> squeezed(std::string_view text, bool redacted) const;

  struct Place {
    std::size_t edit;
    std::size_t file;
    [[nodiscard]] auto operator<=>(const Place&) const = default;
  };
  // Of all edits of the same file, in their order.
  [[nodiscard]] std::vector<Place> places_of(const EditedFile& file) const;
  const GitRepository& repository_;
  const GitRedact redact_;
  std::vector<GitEdit>& edits_;
  // By the tool's path, and by the first name where one was known when this was made: a file that
  // lies elsewhere (a mirror's) gets its name with the first commit that touches it.
  std::map<std::string, std::vector<Place>> same_file_;
  std::map<std::string, Text> texts_;  // the last few
};

}  // namespace hone::feedback
