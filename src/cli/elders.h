// What servers before this one left in journals of theirs (cli/journal.h), on a thread beside: once
// such a server has ended, however it did, its records are brought into the database, and its calls
// that were cut off are told. Records stay there as long as everywhere (IndexerOptions::keep); then
// the journal goes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "cli/journal.h"
#include "cli/workspace.h"

namespace hone::cli {

class Elders {
 public:
  // `own` is the journal of this server; `database` a connection for this alone. `taken_over` is
  // called on the thread when all of a journal has been brought in.
  Elders(Workspace& workspace, store::Database& database, std::string own,
         std::function<void()> taken_over);
  ~Elders();  // stop()
  Elders(const Elders&) = delete;
  Elders& operator=(const Elders&) = delete;

  void start();
  void stop();  // after the batch in hand; may be started again

  // Interactions that ended with their process.
  [[nodiscard]] std::int64_t cut_off() const { return cut_off_; }

 private:
  using Steady = std::chrono::steady_clock;
  void run();
  void visit_all();
  [[nodiscard]] Result<void> visit(const std::string& name);
  [[nodiscard]] Result<std::int64_t> index(Journal& journal);
  [[nodiscard]] bool stopping();

  Workspace& workspace_;
  store::Database& database_;
  const std::string own_;
  const std::function<void()> taken_over_;
  std::atomic<std::int64_t> cut_off_ = 0;
  std::map<std::string, Steady::time_point> due_;  // of the thread's alone
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::cli
