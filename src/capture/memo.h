// What has been seen lately, by digests that are fast to make and mean nothing outside this
// process.
//
//   const MemoKey first = memo_key(opening);
//   const MemoKey second = memo_key(message, first);   // of the opening with the message behind it
//   Memo<Place> places(100'000);
//   places.add(second, place);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hone::capture {

// 128 bits of XXH3 under a secret that is drawn when the process starts and never leaves it: who
// does not know it cannot make two texts of one key, and chance will not. Not to be written down.
using MemoKey = std::array<std::uint64_t, 2>;

// Of `bytes` behind what `after` is the key of.
[[nodiscard]] MemoKey memo_key(std::string_view bytes, const MemoKey& after = {});

// Remembers the latest entries, between half of `capacity` and all of it. Thread-safe.
template <typename Value>
class Memo {
 public:
  explicit Memo(std::size_t capacity) : capacity_(capacity) {}
  [[nodiscard]] std::optional<Value> find(const MemoKey& key) {
    const std::lock_guard lock(mutex_);
    if (const auto at = young_.find(key); at != young_.end()) return at->second;
    if (const auto at = old_.find(key); at != old_.end()) return at->second;
    return std::nullopt;
  }
  void add(const MemoKey& key, Value value) {
    const std::lock_guard lock(mutex_);
    if (young_.size() >= capacity_ / 2) old_ = std::exchange(young_, {});
    young_.insert_or_assign(key, std::move(value));
  }

 private:
  struct FirstBytes {
    std::size_t operator()(const MemoKey& key) const { return key[0]; }
  };
  using Map = std::unordered_map<MemoKey, Value, FirstBytes>;

  const std::size_t capacity_;
  std::mutex mutex_;
  Map young_;
  Map old_;
};

}  // namespace hone::capture
