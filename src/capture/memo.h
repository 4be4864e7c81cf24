// What has been seen lately, by digests that are fast to make and mean nothing outside this
// process.
//
//   const MemoKey first = memo_key(opening);
//   const MemoKey second = memo_key(message, first);   // of the opening with the message behind it
//   Memo<Place> places(100'000);
//   places.add(second, place);
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace hone::capture {

// 128 bits of XXH3 under a secret that is drawn when the process starts and never leaves it: who
// does not know it cannot make two texts of one key, and chance will not. Not to be written down.
using MemoKey = std::array<std::uint64_t, 2>;

// Of `bytes` behind what `after` is the key of.
[[nodiscard]] MemoKey memo_key(std::string_view bytes, const MemoKey& after = {});

// Remembers entries, at least `capacity` places for them, each in one of four places that its key
// leaves it: a look costs one stretch of memory. Of four, the one that was not asked for the
// longest makes room. Values are plain data. Memory is taken as entries come. Thread-safe.
template <typename Value>
class Memo {
  static_assert(std::is_trivially_copyable_v<Value>, "places are made of zeros");

 public:
  explicit Memo(std::size_t capacity)
      : groups_(std::bit_ceil((std::max<std::size_t>(capacity, 1) + kWays - 1) / kWays)),
        places_(static_cast<Place*>(std::calloc(groups_ * kWays, sizeof(Place)))) {
    if (places_ == nullptr) throw std::bad_alloc();
  }

  [[nodiscard]] std::optional<Value> find(const MemoKey& key) {
    const std::lock_guard lock(mutex_);
    for (Place& place : group_of(key)) {
      if (place.used_at == 0 || place.key != key) continue;
      place.used_at = ++now_;
      return place.value;
    }
    return std::nullopt;
  }

  void add(const MemoKey& key, const Value& value) {
    const std::lock_guard lock(mutex_);
    const auto group = group_of(key);
    const auto same = [&](const Place& place) { return place.used_at != 0 && place.key == key; };
    auto at = std::ranges::find_if(group, same);
    if (at == group.end()) at = std::ranges::min_element(group, {}, &Place::used_at);
    *at = {key, ++now_, value};
  }

 private:
  static constexpr std::size_t kWays = 4;

  struct Place {
    MemoKey key;
    std::uint64_t used_at;  // 0: empty
    Value value;
  };
  struct Free {
    void operator()(Place* places) const { std::free(places); }
  };

  std::span<Place, kWays> group_of(const MemoKey& key) {
    return std::span<Place, kWays>(places_.get() + (key[0] & (groups_ - 1)) * kWays, kWays);
  }

  const std::size_t groups_;  // a power of two
  std::mutex mutex_;
  std::uint64_t now_ = 0;
  std::unique_ptr<Place[], Free> places_;
};

}  // namespace hone::capture
