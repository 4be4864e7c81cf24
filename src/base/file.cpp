#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace hone {
namespace {

std::unexpected<Error> io_error(const std::string& what, const std::string& path, int code) {
  const auto kind = code == ENOENT                     ? ErrorCode::kNotFound
                    : code == EEXIST                   ? ErrorCode::kConflict
                    : code == ENOSPC || code == EDQUOT ? ErrorCode::kUnavailable
                    : code == EACCES || code == EPERM  ? ErrorCode::kDenied
                                                       : ErrorCode::kIo;
  return fail(kind, "cannot " + what + " " + path + ": " + std::strerror(code));
}

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t done =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return io_error("write", path_, errno);
      if (done == 0) return io_error("write", path_, EIO);
      bytes.remove_prefix(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
    return {};
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got =
          ::pread(descriptor_, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read", path_, errno);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  Result<void> sync_data() override {
    if (::fdatasync(descriptor_) != 0) return io_error("sync", path_, errno);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
      return io_error("truncate", path_, errno);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return io_error("stat", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  int descriptor_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { ::close(descriptor_); }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  int descriptor_;
};

class PosixMappedBytes final : public MappedBytes {
 public:
  PosixMappedBytes(void* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  ~PosixMappedBytes() override { ::munmap(bytes_, size_); }
  PosixMappedBytes(const PosixMappedBytes&) = delete;
  PosixMappedBytes& operator=(const PosixMappedBytes&) = delete;
  char* data() override { return static_cast<char*>(bytes_); }

 private:
  void* bytes_;
  std::size_t size_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    // O_NONBLOCK: a pipe in the place of a file must not keep a reader waiting.
    int flags = O_CLOEXEC | (mode == Mode::kRead ? O_RDONLY | O_NONBLOCK : O_RDWR);
    if (mode == Mode::kCreate) flags |= O_CREAT | O_EXCL;
    const int descriptor = ::open(path.c_str(), flags, 0600);
    if (descriptor < 0) return io_error("open", path, errno);
    return std::make_unique<PosixFile>(descriptor, path);
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator items(folder, error);
    if (error) return io_error("list", folder, error.value());
    for (const auto& item : items) names.push_back(item.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> make_folder(const std::string& folder) override {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return io_error("make folder", folder, error.value());
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return io_error("remove", path, errno);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return io_error("rename", from, errno);
    return {};
  }

  Result<void> sync_folder(const std::string& folder) override {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return io_error("open", folder, errno);
    const int failed = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (failed != 0) return io_error("sync", folder, failed);
    return {};
  }

  Result<std::uint64_t> free_bytes(const std::string& folder) override {
    struct statvfs status{};
    if (::statvfs(folder.c_str(), &status) != 0) return io_error("stat", folder, errno);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  Result<std::unique_ptr<MappedBytes>> map(const std::string& path, std::uint64_t size) override {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return io_error("open", path, errno);
    const auto length = static_cast<off_t>(size);
    int failed = ::ftruncate(descriptor, length) == 0 ? 0 : errno;
    if (failed == 0) failed = ::posix_fallocate(descriptor, 0, length);
    void* bytes = failed != 0 ? MAP_FAILED
                              : ::mmap(nullptr, static_cast<std::size_t>(size),
                                       PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (failed == 0 && bytes == MAP_FAILED) failed = errno;
    ::close(descriptor);
    if (failed != 0) return io_error("map", path, failed);
    return std::make_unique<PosixMappedBytes>(bytes, static_cast<std::size_t>(size));
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return io_error("open", path, errno);
    auto held = std::make_unique<PosixLock>(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return held;
    if (errno != EWOULDBLOCK) return io_error("lock", path, errno);
    return fail(ErrorCode::kUnavailable, path + " is held by another process");
  }
};

}  // namespace

FileSystem& posix_files() {
  static PosixFileSystem files;
  return files;
}

Result<std::string> read_file(FileSystem& files, const std::string& path,
                              std::uint64_t limit_bytes) {
  auto file = files.open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  auto size = (*file)->size();
  if (!size) return fail(size.error());
  if (*size > limit_bytes) {
    return fail(ErrorCode::kTooLarge, path + " has " + std::to_string(*size) +
                                          " bytes; the limit is " + std::to_string(limit_bytes));
  }
  return (*file)->read_at(0, static_cast<std::size_t>(*size));
}

Result<void> write_file_atomically(FileSystem& files, const std::string& path,
                                   std::string_view bytes) {
  const std::string beside = path + ".new";
  if (auto removed = files.remove(beside);
      !removed && removed.error().code != ErrorCode::kNotFound) {
    return removed;
  }
  {
    auto file = files.open(beside, FileSystem::Mode::kCreate);
    if (!file) return fail(file.error());
    if (auto written = (*file)->write_at(0, bytes); !written) return written;
    if (auto synced = (*file)->sync_data(); !synced) return synced;
  }
  if (auto renamed = files.rename(beside, path); !renamed) return renamed;
  const auto slash = path.rfind('/');
  return files.sync_folder(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace hone
