#include "net/work_pool.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace hone::net {

WorkPool::WorkPool(int threads, std::size_t queue_limit, const char* name, Rank rank)
    : queue_limit_(queue_limit) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name, rank] {
      name_this_thread(name);
      set_rank(rank);
      work_loop();
    });
  }
}

WorkPool::~WorkPool() {
  stop();
}

bool WorkPool::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_limit_) {
      ++refused_;
      return false;
    }
    queue_.push_back(std::move(work));
    longest_ = std::max(longest_, queue_.size());
  }
  more_.notify_one();
  return true;
}

awaitable<Result<void>> WorkPool::run(std::function<void()> work) {
  bool accepted = true;
  // Completes on the coroutine's executor: when the work is done, or at once where it is refused.
  auto start = [this, &accepted](auto handler, std::function<void()> task) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto resume = [shared] {
      auto executor = asio::get_associated_executor(*shared);
      asio::post(executor, [shared] { std::move (*shared)(); });
    };
    accepted = post([task = std::move(task), resume] {
      task();
      resume();
    });
    if (!accepted) resume();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
      std::move(start), use_awaitable, std::move(work));
  if (!accepted) co_return fail(ErrorCode::kUnavailable, "too much work is waiting; try again");
  co_return Result<void>();
}

void WorkPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkPool::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return queue_.empty() && running_ == 0; });
}

std::size_t WorkPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::size_t WorkPool::take_longest() {
  const std::lock_guard lock(mutex_);
  return std::exchange(longest_, queue_.size());
}

void WorkPool::work_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    work();
    work = nullptr;  // what it holds is released before anyone is told that it is done
    lock.lock();
    --running_;
    if (queue_.empty() && running_ == 0) idle_.notify_all();
  }
}

}  // namespace hone::net
