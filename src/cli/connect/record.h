// What `hone connect` has written for a tool, kept in hone's own folder so that it can be undone:
// of each file its bytes before and after, and the settings that were put in. For its owner alone,
// since both may hold secrets.
//
//   STATE/connect/claude-code/record.json, DIGEST.copy, …                the person's settings
//   STATE/connect/claude-code-1f0c…/…                                    a project's
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/connect/setting.h"

namespace hone::cli::connect {

struct RecordedFile {
  FilePlan plan;  // with the values as they were written
  bool existed = false;
  std::vector<std::string> made_folders{};
  std::string before{};
  std::string after{};
};

struct Record {
  Wish wish;
  std::vector<RecordedFile> files;
  [[nodiscard]] const RecordedFile* find(const std::string& path) const;
};

[[nodiscard]] std::string record_folder(const std::string& tool, const Places& places);
[[nodiscard]] Result<std::optional<Record>> load_record(const std::string& folder);
[[nodiscard]] Result<void> save_record(const std::string& folder, const Record& record);
[[nodiscard]] Result<void> remove_record(const std::string& folder);

}  // namespace hone::cli::connect
