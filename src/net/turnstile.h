// Where coroutines wait until others let them through, in the order in which they came: a queue
// that is full holds up who would fill it further, one for each that leaves.
//
//   Turnstile turnstile;
//   co_await turnstile.wait(2s, [&] { return crowded(); });   // who comes
//   turnstile.let(1);                                         // who leaves
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "base/result.h"
#include "net/async.h"

namespace hone::net {

class Turnstile {
 public:
  // Returns at once where `closed` says no, else when it is let through or time is up: whether it
  // was let through. `closed` is asked twice, so that nobody waits who came as the last one left.
  [[nodiscard]] awaitable<bool> wait(std::chrono::milliseconds patience,
                                     std::function<bool()> closed);
  // The first `count` of those who wait. Those whose time was up meanwhile count as well.
  void let(std::size_t count);
  [[nodiscard]] std::size_t waiting() const;

 private:
  using Go = std::function<void(Result<bool>)>;

  mutable std::mutex mutex_;
  std::deque<Go> waiting_;
};

}  // namespace hone::net
