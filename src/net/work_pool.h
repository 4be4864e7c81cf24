// Threads for what must not run on a connection's loop: SQLite, redaction, hashing. The queue is
// bounded; what does not fit is refused and counted, and the caller says so to whom it concerns.
//
//   Result<Rows> rows;
//   auto ran = co_await pool.run([&] { rows = database.query(sql); });
//   if (!ran) co_return error_response(ran.error());          // kUnavailable: the queue is full
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/thread.h"
#include "net/async.h"

namespace hone::net {

class WorkPool {
 public:
  // `name` is what its threads are called, in at most 15 characters.
  WorkPool(int threads, std::size_t queue_limit, const char* name = "hone-work",
           Rank rank = Rank::kTraffic);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // From any thread. False where the queue is full or the pool has stopped: the work will not run.
  [[nodiscard]] bool post(std::function<void()> work);
  // Runs `work` on the pool and resumes on the coroutine's own loop. `work` may refer to the
  // coroutine's locals: stop the pool before the runtime.
  [[nodiscard]] awaitable<Result<void>> run(std::function<void()> work);

  // Refuses new work, finishes what is queued, joins. Idempotent.
  void stop();
  // Waits until nothing is queued or running; for tests and shutdown.
  void wait_idle();

  [[nodiscard]] std::size_t queued() const;
  // The longest that the queue has been since this was last asked.
  [[nodiscard]] std::size_t take_longest();
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  void work_loop();

  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable more_;  // queued, or stopping
  std::condition_variable idle_;  // nothing queued or running
  std::deque<std::function<void()>> queue_;
  std::size_t longest_ = 0;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::atomic<std::uint64_t> refused_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace hone::net
