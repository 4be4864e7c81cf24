#include "net/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/thread.h"

namespace hone::net {

struct Runtime::Work {
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
};

Runtime::Runtime(int threads) : work_(std::make_unique<Work>()) {
  constexpr int kOneThread = 1;
  for (int i = 0; i < threads; ++i) {
    loops_.push_back(std::make_unique<asio::io_context>(kOneThread));
    work_->guards.push_back(asio::make_work_guard(*loops_.back()));
  }
  for (const auto& loop : loops_) {
    threads_.emplace_back([&io = *loop] {
      name_this_thread("hone-net");
      set_rank(Rank::kTraffic);
      io.run();
    });
  }
}

Runtime::~Runtime() {
  stop();
}

asio::io_context& Runtime::next_io() {
  return *loops_[turn_++ % loops_.size()];
}

void Runtime::stop() {
  work_.reset();
  for (const auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace hone::net
