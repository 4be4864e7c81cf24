// A value that is read at every request and replaced when somebody changes the settings. Reading is
// one atomic load, without a lock or a count of readers: what was replaced stays in memory until
// the owner ends, so that nobody's reference dies. Settings are small and change a few times a day
// at most. Thread-safe.
//
//   Reloadable<Prices> prices;
//   const Prices& now = prices.get();      // valid as long as `prices`
//   prices.set(std::move(other));
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hone {

template <typename T>
class Reloadable {
 public:
  explicit Reloadable(T first = T()) { set(std::move(first)); }
  Reloadable(const Reloadable&) = delete;
  Reloadable& operator=(const Reloadable&) = delete;

  [[nodiscard]] const T& get() const { return *current_.load(std::memory_order_acquire); }
  void set(T value) {
    auto next = std::make_unique<const T>(std::move(value));
    const std::lock_guard lock(mutex_);
    current_.store(next.get(), std::memory_order_release);
    all_.push_back(std::move(next));
  }

 private:
  std::atomic<const T*> current_ = nullptr;
  std::mutex mutex_;
  std::vector<std::unique_ptr<const T>> all_;
};

}  // namespace hone
