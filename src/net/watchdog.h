// Inside net: the deadline of the operation a coroutine waits for. One object serves many
// operations, one after the other, on one strand; when time is up it calls `on_expiry` (which
// closes a socket, so that the operation fails) and remembers that it did.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "net/async.h"

namespace hone::net {

class Watchdog {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Watchdog(const asio::any_io_executor& executor, std::function<void()> on_expiry)
      : state_(std::make_shared<State>(executor, std::move(on_expiry))) {}
  ~Watchdog() { disarm(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void arm(std::chrono::milliseconds time) { arm_until(std::chrono::steady_clock::now() + time); }
  void arm_until(Deadline deadline) {
    ++state_->generation;
    state_->timer.expires_at(deadline);
    state_->timer.async_wait(
        [state = state_, generation = state_->generation](boost::system::error_code error) {
          if (error || state->generation != generation) return;
          state->expired = true;
          state->on_expiry();
        });
  }
  void disarm() {
    ++state_->generation;
    state_->timer.cancel();
  }
  [[nodiscard]] bool expired() const { return state_->expired; }

 private:
  // Shared with a wait that was too late to be cancelled; it finds another generation and does
  // nothing.
  struct State {
    State(const asio::any_io_executor& executor, std::function<void()> callback)
        : timer(executor), on_expiry(std::move(callback)) {}
    asio::steady_timer timer;
    std::function<void()> on_expiry;
    std::uint64_t generation = 0;
    bool expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace hone::net
