// What a rendering may use, and how it ends early. Used by jinja*.cpp only.
//
// Inside of the interpreter an error is thrown: it ends an evaluation that is many calls deep, in
// functions that all give values, and every one of them would do nothing but hand it on.
// Template::parse and Template::render catch it and give a Result; nothing leaves these files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "engine/model/jinja.h"

namespace hone::engine::jinja {

struct Failure {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
  int line = 0;  // 0: that of what is being evaluated
};

[[noreturn]] inline void refuse(std::string message, int line = 0) {
  throw Failure{ErrorCode::kInvalid, std::move(message), line};
}
[[noreturn]] inline void refuse_unsupported(std::string_view what, int line = 0) {
  refuse(std::string(what) + " is not supported", line);
}

// Counts all that is done, never less again, so that time and memory are bounded by the same limits
// on every machine. Whoever does something of N items or N bytes says so before doing it.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  void spend(std::size_t steps = 1) {
    if (steps > limits_.steps - steps_) exceeded("steps", limits_.steps);
    steps_ += steps;
  }
  // `bytes` are looked at.
  void read(std::size_t bytes) { spend(bytes / 64); }
  // `bytes` of memory are filled.
  void make(std::size_t bytes) {
    if (bytes > limits_.bytes - bytes_) exceeded("bytes of memory", limits_.bytes);
    bytes_ += bytes;
    read(bytes);
  }
  // `count` items of a list, or members of a mapping, are made.
  void make_items(std::size_t count) {
    spend(count);
    make(count * kItemBytes);  // cannot overflow: spend() let `count` pass
  }
  [[nodiscard]] std::size_t steps() const { return steps_; }
  void check_output(std::size_t size) const {
    if (size > limits_.output_bytes) exceeded("bytes of text", limits_.output_bytes);
  }

 private:
  static constexpr std::size_t kItemBytes = 64;

  [[noreturn]] static void exceeded(const char* what, std::size_t limit) {
    throw Failure{ErrorCode::kTooLarge,
                  "the template uses more than " + std::to_string(limit) + " " + what};
  }

  const Limits limits_;
  std::size_t steps_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace hone::engine::jinja
