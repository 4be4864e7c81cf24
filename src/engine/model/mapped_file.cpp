#include "engine/model/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace hone::engine {
namespace {

// What the signal handler knows of a mapping. It must not wait for a lock, so that slots are taken
// and given back by `begin` alone: 0 is free, 1 taken and not filled in yet.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::size_t> size{0};
  std::atomic<bool> cut{false};
};

constinit std::array<Slot, 1024> slots{};
struct sigaction before_us{};
std::uintptr_t page_bytes = 4096;

// A read of a page that the file no longer has: from there on the mapping becomes zeros, and the
// read is done again. (mmap is a bare system call here; Wayland's wl_shm does the same.)
void on_bus_error(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Slot& slot : slots) {
    if (info->si_code <= 0) break;  // sent by a process, not by a read
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    const std::size_t size = slot.size.load(std::memory_order_relaxed);
    if (begin <= 1 || address < begin || address - begin >= size) continue;
    const int code = errno;
    const std::uintptr_t page = address / page_bytes * page_bytes;
    const void* filled = ::mmap(reinterpret_cast<void*>(page), begin + size - page, PROT_READ,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = code;
    if (filled == MAP_FAILED) break;
    slot.cut.store(true, std::memory_order_release);
    return;
  }
  // Not ours. Whoever was there before us gets it: a read faults again.
  ::sigaction(signal, &before_us, nullptr);
  if (info->si_code <= 0) ::raise(signal);
}

void handle_bus_errors() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &before_us);
  });
}

Slot* take_slot() {
  for (Slot& slot : slots) {
    std::uintptr_t free = 0;
    if (slot.begin.compare_exchange_strong(free, 1)) return &slot;
  }
  return nullptr;
}

std::unexpected<Error> failed(std::string_view what, const std::string& path, int code) {
  return fail(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              "cannot " + std::string(what) + " " + path + ": " + std::strerror(code));
}

bool unchanged(const struct stat& then, const struct stat& now) {
  return then.st_size == now.st_size && then.st_mtim.tv_sec == now.st_mtim.tv_sec &&
         then.st_mtim.tv_nsec == now.st_mtim.tv_nsec;
}

}  // namespace

// Owns the descriptor, the slot and the memory.
class Mapping {
 public:
  Mapping(std::string path, int descriptor, const struct stat& status)
      : path_(std::move(path)), descriptor_(descriptor), status_(status) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (slot_ != nullptr) {
      slot_->size.store(0, std::memory_order_relaxed);
      slot_->begin.store(0, std::memory_order_release);
    }
    if (address_ != nullptr) ::munmap(address_, size());
    ::close(descriptor_);
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(status_.st_size); }

  Result<std::string_view> map() {
    if (size() == 0) return std::string_view();  // mmap refuses it
    slot_ = take_slot();
    if (slot_ == nullptr) {
      return fail(ErrorCode::kTooLarge, path_ + ": 1024 files are open already");
    }
    slot_->cut.store(false, std::memory_order_relaxed);
    void* address = ::mmap(nullptr, size(), PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (address == MAP_FAILED) return failed("map", path_, errno);
    address_ = address;
    slot_->size.store(size(), std::memory_order_relaxed);
    slot_->begin.store(reinterpret_cast<std::uintptr_t>(address), std::memory_order_release);
    return std::string_view(static_cast<const char*>(address), size());
  }

  // The signal tells only of whole pages that are gone.
  [[nodiscard]] Result<void> still_whole() const {
    struct stat now{};
    const bool same = ::fstat(descriptor_, &now) == 0 && unchanged(status_, now);
    const bool cut = slot_ != nullptr && slot_->cut.load(std::memory_order_acquire);
    if (same && !cut) return {};
    return fail(ErrorCode::kCorrupt, path_ + " was cut or written to while it was read; it had " +
                                         std::to_string(size()) + " bytes and has " +
                                         std::to_string(now.st_size));
  }

 private:
  const std::string path_;
  const int descriptor_;
  const struct stat status_;
  Slot* slot_ = nullptr;
  void* address_ = nullptr;
};

Result<void> MappedFile::still_whole() const {
  return mapping == nullptr ? Result<void>() : mapping->still_whole();
}

Result<MappedFile> map_file(const std::string& path) {
  handle_bus_errors();
  // O_NONBLOCK: a pipe without a writer would keep us waiting; of regular files it says nothing.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return failed("open", path, errno);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return fail(ErrorCode::kInvalid, path + " is not a file");
  }
  auto mapping = std::make_shared<Mapping>(path, descriptor, status);
  const auto bytes = mapping->map();
  if (!bytes) return fail(bytes.error());
  const Mapping* borrowed = mapping.get();
  return MappedFile{std::move(mapping), *bytes, borrowed};
}

MappedFile in_memory(std::string bytes) {
  auto held = std::make_shared<const std::string>(std::move(bytes));
  const std::string_view view = *held;
  return MappedFile{std::move(held), view, nullptr};
}

}  // namespace hone::engine
