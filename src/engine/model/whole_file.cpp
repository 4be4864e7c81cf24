#include "engine/model/whole_file.h"

namespace hone::engine {
namespace {

std::string beside(const std::string& path) {
  return path + ".new";
}

}  // namespace

Result<WholeFile> WholeFile::create(std::string path) {
  (void)posix_files().remove(beside(path));
  auto file = posix_files().open(beside(path), FileSystem::Mode::kCreate);
  if (!file) return fail(file.error());
  return WholeFile(std::move(path), std::move(*file));
}

WholeFile::~WholeFile() {
  if (!file_) return;
  file_.reset();
  (void)posix_files().remove(beside(path_));
}

Result<void> WholeFile::append(std::string_view bytes) {
  if (auto written = file_->write_at(size_, bytes); !written) return written;
  size_ += bytes.size();
  return {};
}

Result<void> WholeFile::finish() {
  if (auto synced = file_->sync_data(); !synced) return synced;
  if (auto renamed = posix_files().rename(beside(path_), path_); !renamed) return renamed;
  file_.reset();
  const auto slash = path_.rfind('/');
  return posix_files().sync_folder(slash == std::string::npos ? "." : path_.substr(0, slash));
}

}  // namespace hone::engine
