// Many literals found in one pass over a text, by Vectorscan. Used inside this folder only.
//
// Thread-safe; each scan takes a scratch of its own from a pool.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::privacy {

struct Pattern {
  std::string expression;  // Vectorscan's PCRE subset, on bytes
  bool caseless = false;
  bool whole = false;  // report where the match begins, too
};

class Matcher {
 public:
  // Fails on a pattern that Vectorscan does not take; the message says which.
  [[nodiscard]] static Result<std::unique_ptr<Matcher>> compile(
      const std::vector<Pattern>& patterns);
  ~Matcher();
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  struct Hit {
    unsigned pattern;
    std::size_t begin;  // 0 unless the pattern is `whole`
    std::size_t end;
  };
  // `on_hit` gives false to stop.
  using OnHit = std::function<bool(const Hit&)>;
  // False where `on_hit` stopped it.
  [[nodiscard]] Result<bool> scan(std::string_view text, const OnHit& on_hit) const;

 private:
  struct State;
  explicit Matcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A literal as a pattern.
[[nodiscard]] std::string quoted_pattern(std::string_view literal);

}  // namespace hone::privacy
