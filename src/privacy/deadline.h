// How long one text may take. Used inside this folder only.
#pragma once

#include <chrono>

#include "base/result.h"

namespace hone::privacy {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds limit)
      : end_(std::chrono::steady_clock::now() + limit) {}
  [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= end_; }
  [[nodiscard]] static Error error() {
    return {ErrorCode::kTimeout, "redaction took longer than [privacy] timeout_ms allows"};
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace hone::privacy
