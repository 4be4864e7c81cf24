// Edits of files that are followed through git: tool calls of the store that edit files, each a row
// of table `git_edit` from when it is read until nothing more is asked about it. The row holds
// where it stands; the lines themselves are read from the conversation again.
//
// An edit counts as made when its tool said so (a result that is no error, and does not begin like
// one: not every format marks them) or an event did (feedback `accepted` on the call), and as not
// made when those say the opposite. Where nothing says either, only what is found counts: what is
// missing may never have been there.
//
// Used inside this folder only. Blocking; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/file_edits.h"
#include "store/database.h"

namespace hone::feedback {

inline constexpr std::chrono::days kGitFollows(30);  // an edit, from when it was made

enum class EditMade { kUnknown, kYes, kNo };

// One file of an edit, with what it is called in the repository at hand, the latest name last.
struct EditedFile {
  FileEdit edit;
  std::vector<std::string> names;
  bool inside = false;  // it lies in the working tree, so that it is surely meant
};

struct GitEdit {
  std::string interaction;
  std::string tool_call;
  std::string person;
  Time at{};  // when the answer had ended
  std::vector<std::string> paths;
  std::string repository;  // "" while none is known
  std::string commit;      // the first that has its lines; "" for none yet
  Time committed_at{};
  bool merged = false;
  std::set<std::string> checks;
  bool closed = false;

  std::int64_t output_node = 0;
  std::size_t place = 0;                 // of the call in its answer
  std::vector<std::string> commits;      // all that brought it in
  std::vector<std::string> new_commits;  // of these, those that the table does not have
  EditMade made = EditMade::kUnknown;
  std::vector<EditedFile> files;  // filled by `load`
};

// Whether `a` was made after `b`.
[[nodiscard]] bool is_later(const GitEdit& a, const GitEdit& b);

class GitEditTable {
 public:
  explicit GitEditTable(store::Database& db) : db_(db) {}

  struct NewEdits {
    std::int64_t interactions = 0;  // read
    std::int64_t edits = 0;
    std::int64_t unreadable = 0;
  };
  // Reads the interactions since the last time, or since `since`; of those before, the last `again`
  // once more, for what another process had not written yet.
  [[nodiscard]] Result<NewEdits> read_new(std::optional<Time> since, Time now,
                                          std::chrono::minutes again);

  // Those of `repository` and of none since `from`, oldest first, the latest 5,000; without files.
  [[nodiscard]] Result<std::vector<GitEdit>> open_edits(const std::string& repository, Time from);
  // Their lines, and whether they were made. Where the conversation is gone: closed.
  [[nodiscard]] Result<void> load(GitEdit& edit);

  // Where branches stood when the repository was last read, and when that was.
  struct Mark {
    std::vector<std::string> heads;
    Time read_at{};
  };
  [[nodiscard]] Result<Mark> mark(const std::string& repository);
  // In one transaction.
  [[nodiscard]] Result<void> save(const std::vector<GitEdit>& edits);
  [[nodiscard]] Result<void> save_heads(const std::string& repository,
                                        const std::vector<std::string>& heads, Time now);
  [[nodiscard]] Result<void> close_older(Time than);

 private:
  Result<void> read_one(const store::Row& row, NewEdits& report);
  Result<EditMade> was_made(const GitEdit& edit);
  Result<void> save_one(const GitEdit& edit);

  store::Database& db_;
};

}  // namespace hone::feedback
