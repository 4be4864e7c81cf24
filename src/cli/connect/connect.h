// Connecting a tool, looking at the connection, and undoing it. Everything that is written is shown
// first; what a person wrote is kept; what Hone wrote can be taken out again, byte for byte where
// nobody changed the same lines since.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/connect/record.h"
#include "cli/connect/setting.h"
#include "cli/connect/settings_file.h"

namespace hone::cli::connect {

// What a file is to become.
struct Change {
  FilePlan plan;
  SettingsFile file;     // as it is
  bool existed = false;  // before Hone came
  std::string before;    // its bytes without Hone's settings
  std::string after;     // what it becomes
  bool removes = false;  // it goes, since it was not there before
  std::vector<std::string> made_folders{};
  // The earlier record of it holds on: nothing is written.
  std::optional<RecordedFile> kept{};
  std::vector<std::string> left{};     // of ours, what could not be taken out
  std::vector<std::string> changed{};  // ours once, changed by others since: it stays
  [[nodiscard]] bool changes() const { return removes || file.bytes != after; }
};

// Works out what `plan` changes; an earlier connection is undone first, in thought. Writes nothing.
[[nodiscard]] Result<std::vector<Change>> work_out(const Plan& plan,
                                                   const std::optional<Record>& record);
// Works out what undoes `record`.
[[nodiscard]] Result<std::vector<Change>> work_out_removal(const Record& record);

// The diffs of `changes`, secrets hidden.
[[nodiscard]] std::string show_changes(const std::vector<Change>& changes, const std::string& key);

// Keeps the record, then writes. A failure names the file; what is written by then can be undone.
[[nodiscard]] Result<void> write_changes(const std::vector<Change>& changes, const Wish& wish,
                                         const std::string& folder);
// Undoes. kConflict where something of ours is left, with what and where the copy from before is;
// the record then stays.
[[nodiscard]] Result<void> write_removal(const std::vector<Change>& changes,
                                         const std::string& folder);

struct Finding {
  std::string setting;
  std::string file;
  std::string state;  // "stands", "is missing", …
  bool good = false;
};

// Each setting of `plan` in the files as they are. Values of secrets are not shown; with
// `key_known` they are compared.
[[nodiscard]] Result<std::vector<Finding>> check_settings(const Plan& plan, bool key_known);
// The key as the tool will use it: as it stands in the files of `plan`; empty where there is none.
[[nodiscard]] std::string key_in_files(const Plan& plan);
// Does the server answer, and does it take the key?
[[nodiscard]] Finding check_answer(const std::string& server);
[[nodiscard]] Finding check_key(const std::string& server, const std::string& key);

}  // namespace hone::cli::connect
