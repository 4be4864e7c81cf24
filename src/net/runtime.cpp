#include "net/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace hone::net {

struct Runtime::Work {
  asio::executor_work_guard<asio::io_context::executor_type> guard;
};

Runtime::Runtime(int threads)
    : io_(std::make_unique<asio::io_context>(threads)),
      work_(std::make_unique<Work>(Work{asio::make_work_guard(*io_)})) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { io_->run(); });
  }
}

Runtime::~Runtime() {
  stop();
}

void Runtime::stop() {
  work_.reset();
  io_->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace hone::net
