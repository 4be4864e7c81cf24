// A settings file of somebody else's tool, on the disk: read with all that must be kept, and
// written so that a reader sees the old bytes or the new. A symbolic link stays one: what it points
// at is replaced. Files that are no plain files, that belong to somebody else or that are read-only
// are refused.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace hone::cli::connect {

struct SettingsFile {
  std::string path;    // as the tool names it
  std::string target;  // where its bytes are
  bool exists = false;
  mode_t mode = 0;
  std::string bytes;
};

constexpr std::size_t kMaxSettingsBytes = 4U << 20;

[[nodiscard]] Result<SettingsFile> read_settings(const std::string& path);
// Writes `bytes` in the place of what `file` holds; kConflict where somebody else has written it
// since. Folders that are missing are made and told in `made`. `mode` is for a file that is new.
[[nodiscard]] Result<void> write_settings(const SettingsFile& file, std::string_view bytes,
                                          mode_t mode, std::vector<std::string>* made = nullptr);
[[nodiscard]] Result<void> remove_settings(const SettingsFile& file);
// Those of `folders` that are empty go, from the last to the first.
void remove_empty_folders(const std::vector<std::string>& folders);

}  // namespace hone::cli::connect
