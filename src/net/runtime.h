// The threads on which all network coroutines run, each with an event loop of its own: a connection
// stays on one thread from its beginning to its end, so that it needs no lock and wakes no other
// thread. One per process: servers and clients are destroyed before it.
//
//   net::Runtime runtime;                       // two threads
//   net::Server server(runtime, options, handler);
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "net/async.h"

namespace hone::net {

class Runtime {
 public:
  explicit Runtime(int threads = 2);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // The first thread's loop: for signals, and for what there is only one of.
  [[nodiscard]] asio::io_context& io() { return *loops_.front(); }
  // Each thread's in turn: for the next connection.
  [[nodiscard]] asio::io_context& next_io();
  // Stops the threads; coroutines still suspended are destroyed. Idempotent; not from a runtime
  // thread.
  void stop();

 private:
  struct Work;
  std::vector<std::unique_ptr<asio::io_context>> loops_;
  std::unique_ptr<Work> work_;
  std::atomic<std::size_t> turn_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace hone::net
