// The one seam to the disk. Everything whose promise rests on the disk (the outbox, checkpoints)
// goes through `FileSystem`, so that a test can fail any operation. `posix_files()` is the real
// one. Calls block; make them from a worker thread, not from a connection's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at `offset`, or fails; after a failure the range holds anything.
  virtual Result<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::string> read_at(std::uint64_t offset, std::size_t size) = 0;
  virtual Result<void> sync_data() = 0;  // fdatasync; after a failure trust nothing written before
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

// Held until destroyed, or until the process ends in whatever way.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// A file's bytes as memory: what is written there is in the file, for the next process too, but
// nothing says when it is on disk.
class MappedBytes {
 public:
  virtual ~MappedBytes() = default;
  [[nodiscard]] virtual char* data() = 0;
};

class FileSystem {
 public:
  enum class Mode { kRead, kReadWrite, kCreate /* fails if it exists */ };
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;  // names, sorted
  virtual Result<void> make_folder(const std::string& folder) = 0;               // with its parents
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> sync_folder(const std::string& folder) = 0;  // makes names in it durable
  virtual Result<std::uint64_t> free_bytes(const std::string& folder) = 0;
  // `path` with exactly `size` bytes, zeros where it had none; their room on the disk is taken, so
  // that writing them cannot fail later.
  virtual Result<std::unique_ptr<MappedBytes>> map(const std::string& path, std::uint64_t size) = 0;
  // Takes `path` (made if absent) for this process alone; kUnavailable while another holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

[[nodiscard]] FileSystem& posix_files();

// Whole small files. `write_file_atomically` writes beside, syncs and renames, so that a reader
// sees the old bytes or the new, and a crash leaves one of them.
[[nodiscard]] Result<std::string> read_file(FileSystem& files, const std::string& path,
                                            std::uint64_t limit_bytes = 64U << 20);
[[nodiscard]] Result<void> write_file_atomically(FileSystem& files, const std::string& path,
                                                 std::string_view bytes);

}  // namespace hone
