// The signals that a server is asked by, one after the other, for one thread that waits for them.
//
//   Signals signals(runtime.io(), {SIGTERM, SIGHUP});
//   switch (signals.next(500ms)) { case SIGTERM: ... case 0: nothing came }
#pragma once

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>

#include "net/async.h"

namespace hone::cli {

class Signals {
 public:
  // From here on they no longer end the process. Destroyed before `io` ends.
  Signals(net::asio::io_context& io, std::initializer_list<int> which);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next that came; 0 where none has within `time`.
  [[nodiscard]] int next(std::chrono::milliseconds time);

 private:
  // Outlives us: what is cancelled is told later, on another thread.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable grew;
    std::deque<int> came;
  };
  void listen();

  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  net::asio::signal_set set_;
};

}  // namespace hone::cli
