// The threads on which all network coroutines run. One per process: servers and clients share it,
// and are destroyed before it.
//
//   net::Runtime runtime;                       // two threads
//   net::Client client(runtime);
//   net::Server server(runtime, options, handler);
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "net/async.h"

namespace boost::asio {
class io_context;
}

namespace hone::net {

class Runtime {
 public:
  explicit Runtime(int threads = 2);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] asio::io_context& io() { return *io_; }
  // Stops the threads; coroutines still suspended are destroyed. Idempotent; not from a runtime
  // thread.
  void stop();

 private:
  struct Work;
  std::unique_ptr<asio::io_context> io_;
  std::unique_ptr<Work> work_;
  std::vector<std::thread> threads_;
};

}  // namespace hone::net
