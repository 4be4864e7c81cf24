#include "support/faulty_files.h"

#include <algorithm>

namespace hone::test {
namespace {

constexpr std::size_t kSector = 512;

class FaultyMap final : public MappedBytes {
 public:
  explicit FaultyMap(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
  char* data() override { return bytes_->data(); }

 private:
  std::shared_ptr<std::string> bytes_;
};

class NoLock final : public FileLock {};

}  // namespace

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFiles& files, std::shared_ptr<FaultyFiles::Node> node)
      : files_(files), node_(std::move(node)), born_(files.crashes_) {}

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(files_.mutex_);
    if (stale()) return gone();
    auto fault = files_.operate("write");
    if (!fault) bytes = bytes.substr(0, files_.random_.below(bytes.size() + 1));
    auto& seen = node_->seen;
    if (seen.size() < offset + bytes.size()) seen.resize(offset + bytes.size());
    seen.replace(offset, bytes.size(), bytes);
    return fault;
  }
  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (offset >= node_->seen.size()) return std::string();
    return node_->seen.substr(offset, size);
  }
  // After a failed sync the pages are clean in memory and not on disk; a later sync does not write
  // them.
  Result<void> sync_data() override {
    const std::lock_guard lock(files_.mutex_);
    if (stale()) return gone();
    if (auto fault = files_.operate("sync"); !fault) {
      node_->lost = true;
      return fault;
    }
    if (!node_->lost) node_->synced = node_->seen;
    return {};
  }
  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (stale()) return gone();
    if (auto fault = files_.operate("truncate"); !fault) return fault;
    node_->seen.resize(size);
    return {};
  }
  Result<std::uint64_t> size() override {
    const std::lock_guard lock(files_.mutex_);
    return node_->seen.size();
  }

 private:
  [[nodiscard]] bool stale() const { return born_ != files_.crashes_; }
  static Result<void> gone() { return fail(ErrorCode::kIo, "the machine has crashed"); }

  FaultyFiles& files_;
  std::shared_ptr<FaultyFiles::Node> node_;
  const std::int64_t born_;
};

void FaultyFiles::fail_operation(std::int64_t number, ErrorCode code, bool stuck) {
  const std::lock_guard lock(mutex_);
  fail_at_ = operations_ + number;
  fail_code_ = code;
  stuck_ = stuck;
  failed_ = false;
}

void FaultyFiles::heal() {
  const std::lock_guard lock(mutex_);
  fail_at_.reset();
}

void FaultyFiles::set_free_bytes(std::uint64_t free) {
  const std::lock_guard lock(mutex_);
  free_bytes_ = free;
}

std::int64_t FaultyFiles::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

bool FaultyFiles::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

Result<void> FaultyFiles::operate(const std::string& what) {
  const std::int64_t now = ++operations_;
  if (!fail_at_ || now < *fail_at_ || (now > *fail_at_ && !stuck_)) return {};
  failed_ = true;
  return fail(fail_code_, "injected fault in " + what + " " + std::to_string(now));
}

std::string FaultyFiles::after_power_cut(const Node& node) {
  std::string disk = node.synced;
  for (std::size_t at = 0; at < node.seen.size(); at += kSector) {
    const auto sector = std::string_view(node.seen).substr(at, kSector);
    const bool changed =
        std::string_view(disk).substr(std::min(at, disk.size()), kSector) != sector;
    if (!changed || random_.chance(0.5)) continue;
    if (disk.size() < at + sector.size()) disk.resize(at + sector.size());
    disk.replace(at, sector.size(), sector);
  }
  // The last sector of a grown file may itself be torn.
  if (disk.size() > node.synced.size() && random_.chance(0.5)) {
    disk.resize(node.synced.size() + random_.below(disk.size() - node.synced.size() + 1));
  }
  return disk;
}

void FaultyFiles::crash() {
  const std::lock_guard lock(mutex_);
  ++crashes_;
  fail_at_.reset();
  // Each change of names since the folder's sync has come to the disk or not, all or none:
  // journaled metadata keeps its order.
  names_ = random_.chance(0.5) ? names_ : synced_names_;
  synced_names_ = names_;
  for (auto& [name, node] : names_) {
    const std::string disk = after_power_cut(*node);
    node = std::make_shared<Node>(Node{disk, disk, false});
  }
  synced_names_ = names_;
  for (auto& [path, bytes] : maps_) bytes = std::make_shared<std::string>(bytes->size(), '\0');
}

void FaultyFiles::flip_bit(const std::string& path, std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  Node& node = *names_.at(path);
  node.seen.at(offset) ^= static_cast<char>(1U << random_.below(8));
  node.synced = node.seen;
}

std::string FaultyFiles::bytes(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return names_.at(path)->seen;
}

Result<std::unique_ptr<File>> FaultyFiles::open(const std::string& path, Mode mode) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  if (mode == Mode::kCreate) {
    if (found != names_.end()) return fail(ErrorCode::kConflict, path + " exists");
    if (auto fault = operate("create"); !fault) return fail(fault.error());
    const auto node = std::make_shared<Node>();
    names_[path] = node;
    return std::make_unique<FaultyFile>(*this, node);
  }
  if (found == names_.end()) return fail(ErrorCode::kNotFound, path + " does not exist");
  return std::make_unique<FaultyFile>(*this, found->second);
}

Result<std::vector<std::string>> FaultyFiles::list(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [path, node] : names_) {
    if (path.starts_with(folder + "/")) found.push_back(path.substr(folder.size() + 1));
  }
  return found;
}

Result<void> FaultyFiles::make_folder(const std::string&) {
  return {};
}

Result<void> FaultyFiles::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!names_.contains(path)) return fail(ErrorCode::kNotFound, path + " does not exist");
  if (auto fault = operate("remove"); !fault) return fault;
  names_.erase(path);
  return {};
}

Result<void> FaultyFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (!names_.contains(from)) return fail(ErrorCode::kNotFound, from + " does not exist");
  if (auto fault = operate("rename"); !fault) return fault;
  names_[to] = names_.at(from);
  names_.erase(from);
  return {};
}

Result<void> FaultyFiles::sync_folder(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (auto fault = operate("folder sync"); !fault) return fault;
  synced_names_ = names_;
  return {};
}

Result<std::uint64_t> FaultyFiles::free_bytes(const std::string&) {
  const std::lock_guard lock(mutex_);
  return free_bytes_;
}

Result<std::unique_ptr<MappedBytes>> FaultyFiles::map(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (auto fault = operate("map"); !fault) return fail(fault.error());
  auto& bytes = maps_[path];
  if (!bytes) bytes = std::make_shared<std::string>();
  bytes->resize(static_cast<std::size_t>(size));
  return std::make_unique<FaultyMap>(bytes);
}

Result<std::unique_ptr<FileLock>> FaultyFiles::lock(const std::string&) {
  return std::make_unique<NoLock>();
}

}  // namespace hone::test
