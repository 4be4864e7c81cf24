#include "cli/signals.h"

#include <boost/asio/io_context.hpp>

namespace hone::cli {

Signals::Signals(net::asio::io_context& io, std::initializer_list<int> which) : set_(io) {
  for (const int signal : which) set_.add(signal);
  listen();
}

// One wait at a time; what comes meanwhile, the set keeps for the next.
void Signals::listen() {
  set_.async_wait([inbox = inbox_](const boost::system::error_code& failed, int signal) {
    if (failed) return;
    const std::lock_guard lock(inbox->mutex);
    inbox->came.push_back(signal);
    inbox->grew.notify_all();
  });
}

int Signals::next(std::chrono::milliseconds time) {
  int signal = 0;
  {
    std::unique_lock lock(inbox_->mutex);
    if (!inbox_->grew.wait_for(lock, time, [this] { return !inbox_->came.empty(); })) return 0;
    signal = inbox_->came.front();
    inbox_->came.pop_front();
  }
  listen();
  return signal;
}

}  // namespace hone::cli
