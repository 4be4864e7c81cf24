// A FileSystem whose syncs wait at a gate, so that a test sees what happens before one has ended.
// All else goes straight to the files below it.
//
//   GatedFiles files(faulty);
//   files.close_gate();  …  files.open_gate();
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace hone::test {

class GatedFiles final : public FileSystem {
 public:
  explicit GatedFiles(FileSystem& below) : below_(below) {}
  ~GatedFiles() override { open_gate(); }

  void close_gate() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open_gate() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    auto file = below_.open(path, mode);
    if (!file) return fail(file.error());
    return std::make_unique<Gated>(*this, std::move(*file));
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return below_.list(folder);
  }
  Result<void> make_folder(const std::string& folder) override {
    return below_.make_folder(folder);
  }
  Result<void> remove(const std::string& path) override { return below_.remove(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return below_.rename(from, to);
  }
  Result<void> sync_folder(const std::string& folder) override {
    return below_.sync_folder(folder);
  }
  Result<std::uint64_t> free_bytes(const std::string& folder) override {
    return below_.free_bytes(folder);
  }
  Result<std::unique_ptr<MappedBytes>> map(const std::string& path, std::uint64_t size) override {
    return below_.map(path, size);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return below_.lock(path);
  }

 private:
  class Gated final : public File {
   public:
    Gated(GatedFiles& files, std::unique_ptr<File> file) : files_(files), file_(std::move(file)) {}
    Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      return file_->write_at(offset, bytes);
    }
    Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
      return file_->read_at(offset, size);
    }
    Result<void> sync_data() override {
      files_.pass_gate();
      return file_->sync_data();
    }
    Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<std::uint64_t> size() override { return file_->size(); }

   private:
    GatedFiles& files_;
    std::unique_ptr<File> file_;
  };

  void pass_gate() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !closed_; });
  }

  FileSystem& below_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace hone::test
