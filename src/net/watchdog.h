// Inside net: the deadline of the operation a coroutine waits for. One object serves many
// operations, one after the other, on one loop; when time is up it calls `on_expiry` (which
// closes a socket, so that the operation fails) and remembers that it did.
//
// Nearly every operation ends long before its time, and there is one for every chunk of a stream:
// so arming and disarming only write down a deadline. The timer below is touched where the new
// deadline is earlier than the moment at which it looks next; when it looks and finds the deadline
// moved, it waits on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "net/async.h"

namespace hone::net {

class Watchdog {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Watchdog(const Executor& executor, std::function<void()> on_expiry)
      : state_(std::make_shared<State>(executor, std::move(on_expiry))) {}
  ~Watchdog() {
    disarm();
    state_->timer.cancel();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void arm(std::chrono::milliseconds time) { arm_until(std::chrono::steady_clock::now() + time); }
  void arm_until(Deadline deadline) {
    state_->deadline = deadline;
    if (deadline < state_->looks_at) look_later(state_);
  }
  void disarm() { state_->deadline = kNever; }
  [[nodiscard]] bool expired() const { return state_->expired; }

 private:
  static constexpr Deadline kNever = Deadline::max();

  // Shared with a wait that was too late to be cancelled; it finds another generation and does
  // nothing.
  struct State {
    State(const Executor& executor, std::function<void()> callback)
        : timer(executor), on_expiry(std::move(callback)) {}
    Timer timer;
    std::function<void()> on_expiry;
    Deadline deadline = kNever;  // of the operation that runs
    Deadline looks_at = kNever;  // when the timer wakes; kNever: it does not run
    std::uint64_t generation = 0;
    bool expired = false;
  };

  static void look_later(const std::shared_ptr<State>& state) {
    state->looks_at = state->deadline;
    state->timer.expires_at(state->deadline);
    state->timer.async_wait(
        [state, generation = ++state->generation](boost::system::error_code error) {
          if (!error && state->generation == generation) look(state);
        });
  }
  static void look(const std::shared_ptr<State>& state) {
    state->looks_at = kNever;
    if (state->deadline == kNever) return;
    if (std::chrono::steady_clock::now() < state->deadline) return look_later(state);
    state->deadline = kNever;
    state->expired = true;
    state->on_expiry();
  }

  std::shared_ptr<State> state_;
};

}  // namespace hone::net
