#include "cli/connect/settings_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"

namespace hone::cli::connect {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> settings_error(const std::string& what, const std::string& path, int code) {
  const auto kind = code == EACCES || code == EPERM ? ErrorCode::kDenied : ErrorCode::kIo;
  return fail(kind, "cannot " + what + " " + path + ": " + std::strerror(code));
}

// A descriptor that is closed, and a file beside that is gone, whatever happens.
class NewFileBeside {
 public:
  explicit NewFileBeside(std::string path) : path_(std::move(path)) {}
  ~NewFileBeside() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }
  NewFileBeside(const NewFileBeside&) = delete;
  NewFileBeside& operator=(const NewFileBeside&) = delete;

  Result<void> write(std::string_view bytes, mode_t mode, const struct stat* like) {
    ::unlink(path_.c_str());  // of a run that was cut off
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return settings_error("make", path_, errno);
    while (!bytes.empty()) {
      const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return settings_error("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    // The owner first: giving a file away clears bits of its mode.
    if (like != nullptr && (like->st_uid != ::geteuid() || like->st_gid != ::getegid()) &&
        ::fchown(descriptor_, like->st_uid, like->st_gid) != 0) {
      return settings_error("keep the owner and group of", path_, errno);
    }
    if (::fchmod(descriptor_, mode) != 0) return settings_error("set the mode of", path_, errno);
    if (::fsync(descriptor_) != 0) return settings_error("sync", path_, errno);
    return {};
  }

  Result<void> take_place_of(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) {
      return settings_error("rename to", target, errno);
    }
    kept_ = true;
    return {};
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

// Makes the folders above `path`, for this person alone, and tells which were made.
Result<void> make_folders_of(const std::string& path, std::vector<std::string>* made) {
  std::vector<std::string> missing;
  for (auto folder = fs::path(path).parent_path(); !folder.empty(); folder = folder.parent_path()) {
    std::error_code failed;
    if (fs::exists(folder, failed)) break;
    missing.push_back(folder.string());
    if (folder == folder.root_path()) break;
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    if (::mkdir(folder->c_str(), 0700) != 0) return settings_error("make folder", *folder, errno);
    if (made != nullptr) made->push_back(*folder);
  }
  return {};
}

}  // namespace

Result<SettingsFile> read_settings(const std::string& path) {
  SettingsFile file{.path = path, .target = path, .bytes = {}};
  struct stat link{};
  if (::lstat(path.c_str(), &link) != 0) {
    if (errno == ENOENT) return file;
    return settings_error("look at", path, errno);
  }
  std::error_code failed;
  file.target = fs::canonical(path, failed).string();
  if (failed) {
    return fail(ErrorCode::kInvalid, path + " is a symbolic link that leads nowhere (" +
                                         failed.message() + "); mend or remove it first");
  }
  struct stat status{};
  if (::stat(file.target.c_str(), &status) != 0) {
    return settings_error("look at", file.target, errno);
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, path + " is not a plain file");
  if (::geteuid() != 0 && status.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, file.target + " belongs to another user");
  }
  if ((status.st_mode & S_IWUSR) == 0) {
    return fail(ErrorCode::kDenied,
                file.target +
                    " is read-only: something else manages it; put the settings there "
                    "(`--dry-run` shows them)");
  }
  file.exists = true;
  file.mode = status.st_mode & 07777U;
  auto bytes = read_file(posix_files(), file.target, kMaxSettingsBytes);
  if (!bytes) return fail(bytes.error());
  file.bytes = std::move(*bytes);
  return file;
}

Result<void> write_settings(const SettingsFile& file, std::string_view bytes, mode_t mode,
                            std::vector<std::string>* made) {
  if (auto folders = make_folders_of(file.target, made); !folders) return folders;
  struct stat status{};
  NewFileBeside beside(file.target + ".hone-new");
  const bool there = file.exists && ::stat(file.target.c_str(), &status) == 0;
  auto written = beside.write(bytes, there ? file.mode : mode, there ? &status : nullptr);
  if (!written) return written;
  // As late as can be: whoever wrote in between keeps what he wrote.
  const auto now = read_settings(file.path);
  if (!now) return fail(now.error());
  if (now->exists != file.exists || now->bytes != file.bytes || now->target != file.target) {
    return fail(ErrorCode::kConflict,
                file.path + " was changed while hone looked at it; run this again");
  }
  if (auto renamed = beside.take_place_of(file.target); !renamed) return renamed;
  return posix_files().sync_folder(fs::path(file.target).parent_path().string());
}

Result<void> remove_settings(const SettingsFile& file) {
  if (::unlink(file.target.c_str()) != 0 && errno != ENOENT) {
    return settings_error("remove", file.target, errno);
  }
  return {};
}

void remove_empty_folders(const std::vector<std::string>& folders) {
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    ::rmdir(folder->c_str());  // fails where somebody else uses it
  }
}

}  // namespace hone::cli::connect
