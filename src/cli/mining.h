// Mining in the server (feedback/miner.h), on a thread beside, of the lowest rank: a second or so
// after an interaction is in the database, what it says about the answer before it goes into the
// outbox. It rests while the index is behind, which comes first. Trouble (a locked database, a full
// outbox) delays it; nothing is lost, for interactions stay due until their signals are on disk.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "feedback/miner.h"
#include "store/database.h"
#include "store/indexer.h"
#include "store/outbox.h"

namespace hone::cli {

class Mining {
 public:
  // `database` is a connection for this alone.
  Mining(store::Database& database, const feedback::MiningRules& rules, store::Outbox& outbox,
         const store::Indexer& indexer, Clock& clock)
      : database_(database),
        miner_(database, rules, clock),
        outbox_(outbox),
        indexer_(indexer),
        clock_(clock) {}
  ~Mining();  // stop()
  Mining(const Mining&) = delete;
  Mining& operator=(const Mining&) = delete;

  void start();
  void stop();  // after the batch in hand

  [[nodiscard]] std::int64_t signals() const { return signals_; }
  // Of commits, told to the interactions whose edits are in them (feedback/ci_outcome.h).
  [[nodiscard]] std::int64_t outcomes() const { return outcomes_; }
  [[nodiscard]] std::int64_t unreadable() const { return unreadable_; }
  [[nodiscard]] std::int64_t failures() const { return failures_; }

 private:
  void run();
  // Whether more is due.
  [[nodiscard]] Result<bool> mine();
  [[nodiscard]] Result<void> spread();

  store::Database& database_;
  feedback::Miner miner_;
  store::Outbox& outbox_;
  const store::Indexer& indexer_;
  Clock& clock_;
  std::chrono::steady_clock::time_point spread_at_;
  std::atomic<std::int64_t> outcomes_ = 0;
  std::atomic<std::int64_t> signals_ = 0;
  std::atomic<std::int64_t> unreadable_ = 0;
  std::atomic<std::int64_t> failures_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

// Appends them in order; returns when all are on disk.
[[nodiscard]] Result<void> append_all(store::Outbox& outbox,
                                      const std::vector<store::OutboxRecord>& records);

}  // namespace hone::cli
