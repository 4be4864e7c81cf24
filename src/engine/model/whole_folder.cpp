#include "engine/model/whole_folder.h"

#include <filesystem>
#include <utility>

#include "base/file.h"

namespace hone::engine {

Result<WholeFolder> WholeFolder::begin(std::string folder, bool replace) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  std::error_code ignored;
  if (!replace && std::filesystem::exists(folder, ignored)) {
    return fail(ErrorCode::kConflict, folder + " exists; --force replaces it");
  }
  WholeFolder whole(std::move(folder));
  std::filesystem::remove_all(whole.part(), ignored);
  if (auto made = posix_files().make_folder(whole.part()); !made) return fail(made.error());
  return whole;
}

WholeFolder::WholeFolder(WholeFolder&& other) noexcept
    : folder_(std::exchange(other.folder_, std::string())) {}

WholeFolder::~WholeFolder() {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(part(), ignored);
}

Result<void> WholeFolder::finish() {
  std::error_code ignored;
  // A rename cannot replace a folder that is not empty.
  const std::string old = folder_ + ".old";
  std::filesystem::remove_all(old, ignored);
  if (std::filesystem::exists(folder_, ignored)) {
    if (auto moved = posix_files().rename(folder_, old); !moved) return moved;
  }
  if (auto renamed = posix_files().rename(part(), folder_); !renamed) return renamed;
  std::filesystem::remove_all(old, ignored);
  const auto parent = std::filesystem::absolute(folder_, ignored).parent_path().string();
  folder_.clear();
  return posix_files().sync_folder(parent);
}

}  // namespace hone::engine
