// A FileSystem in memory that fails as disks do: any operation at will, and crashes after which
// only what was synced is certain. The same seed crashes the same way.
//
//   FaultyFiles files(seed);
//   files.fail_operation(17, ErrorCode::kIo);      // the 17th from now, and with `stuck` all after
//   it …; files.crash();                              // open files go stale; what is left is on
//   "disk"
//
// Counted operations are those that change something: write, sync, truncate, create, remove, rename
// and folder sync. A failed write leaves a part of its bytes. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/random.h"

namespace hone::test {

class FaultyFiles final : public FileSystem {
 public:
  explicit FaultyFiles(std::uint64_t seed) : random_(seed) {}

  void fail_operation(std::int64_t number, ErrorCode code, bool stuck = false);
  void heal();  // no further faults
  void set_free_bytes(std::uint64_t free);
  [[nodiscard]] std::int64_t operations() const;
  [[nodiscard]] bool failed() const;

  // Power goes: of the bytes written since a file's last sync each 512-byte sector is there or not,
  // a torn one is cut, and a file is as long as the last sector that is there.
  void crash();
  void flip_bit(const std::string& path, std::uint64_t offset);
  [[nodiscard]] std::string bytes(const std::string& path) const;

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> make_folder(const std::string& folder) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<std::uint64_t> free_bytes(const std::string& folder) override;
  Result<std::unique_ptr<MappedBytes>> map(const std::string& path, std::uint64_t size) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  friend class FaultyFile;
  // A file's bytes as a reader sees them, and as they are certain to be on disk.
  struct Node {
    std::string seen;
    std::string synced;
    bool lost = false;  // a sync failed: no later one writes what was in memory then
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  Result<void> operate(const std::string& what);  // counts; the fault, if it is this one's turn
  std::string after_power_cut(const Node& node);

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<std::string>> maps_;  // a crash zeroes them
  Random random_;
  Names names_;         // as seen
  Names synced_names_;  // as of the last folder sync
  std::int64_t operations_ = 0;
  std::uint64_t free_bytes_ = 1ULL << 40;
  std::optional<std::int64_t> fail_at_;
  ErrorCode fail_code_ = ErrorCode::kIo;
  bool stuck_ = false;
  bool failed_ = false;
  std::int64_t crashes_ = 0;
};

}  // namespace hone::test
