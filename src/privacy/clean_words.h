// Inside privacy: single words in which nothing was found, so that they need not be read again. A
// call is full of them ("role", "user", "content", "text", its model's name), and most of what they
// cost is the beginning of a search. Thread-safe; one for each redactor, since its rules decide.
#pragma once

#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace hone::privacy {

class CleanWords {
 public:
  // Only what looks like vocabulary is worth a place: ids and numbers do not come again.
  [[nodiscard]] static bool takes(std::string_view text) {
    if (text.size() > kLongest) return false;
    for (const char c : text) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!letter && c != '_' && c != '-' && c != '.') return false;
    }
    return true;
  }
  [[nodiscard]] bool contains(std::string_view word) const {
    const std::shared_lock lock(mutex_);
    return words_.contains(word);
  }
  void add(std::string_view word) {
    const std::lock_guard lock(mutex_);
    if (words_.size() >= kMost) words_.clear();  // what is in use comes back at once
    words_.emplace(word);
  }

 private:
  static constexpr std::size_t kLongest = 32;
  static constexpr std::size_t kMost = 2'000;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  mutable std::shared_mutex mutex_;
  std::unordered_set<std::string, Hash, std::equal_to<>> words_;
};

}  // namespace hone::privacy
