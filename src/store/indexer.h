// Carries an outbox into the database, in order and in batches: a batch is one transaction (a slow
// one several) that also moves the position, so that a crash at any point repeats or loses nothing.
// Idempotent by record id.
//
//   Indexer indexer(outbox, db, clock, {.name = "main"});
//   indexer.start();                       // or run_until_idle() in a command
//   indexer.wait_for(position, 2s);        // a reader who needs his own write
//   indexer.stop();
//
// Feedback that comes before its interaction waits (interaction_id is '') and is linked when that
// arrives: for so long, and so much of it, as the options say, then the oldest is given up. An
// interaction whose start was recorded by an earlier process and that never ended becomes a row
// with content 'cut' and status 0. A database that is away or locked delays; nothing is dropped:
// the outbox grows within its bound. A record that the database refuses for good is kept in
// `set_aside` and counted.
//
// run_once and run_until_idle belong to one thread, and not to one while start() is in force.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/database.h"
#include "store/outbox.h"

namespace hone::store {

struct IndexerOptions {
  std::string name = "main";  // of the outbox
  bool compress = true;       // contents of blocks (store/block_content.h)
  std::size_t batch_records = 2000;
  std::size_t batch_bytes = 8U << 20;
  // A transaction of so long ends where it is, and what is left of the batch is another's: whoever
  // else writes to SQLite waits for 5 s at most.
  std::chrono::milliseconds batch_time{500};
  // So many positions behind it hurries, and so many behind it hurries though others are busy. So
  // long after the batch before it goes on in any case.
  std::int64_t hurries_from = 1'000;
  std::int64_t owes_at_most = 50'000;
  std::chrono::milliseconds rests_at_most{5000};
  std::chrono::milliseconds keep{std::chrono::hours(24)};  // indexed segments stay this long
  // Starts up to here that have no end by then are of an earlier process (store/in_flight.h); what
  // the outbox found when it was opened always is.
  std::int64_t cut_off_up_to = 0;
  // Feedback waits so long for its interaction, and so much of it at most (for a moment a tenth
  // more).
  std::chrono::milliseconds waiting_keep{std::chrono::days(30)};
  std::int64_t waiting_at_most = 100'000;
  std::chrono::milliseconds first_backoff{100};
  std::chrono::milliseconds max_backoff{5000};
};

struct IndexerStatus {
  std::int64_t indexed_position = 0;
  std::int64_t lag_records = 0;  // durable, not yet indexed
  std::int64_t indexed_records = 0;
  std::int64_t failed_batches = 0;  // tried again
  std::int64_t set_aside = 0;       // by this process
  std::int64_t damaged = 0;         // places in the outbox that could not be read
  std::int64_t cut_off = 0;         // interactions that ended with an earlier process
  std::int64_t waiting = 0;         // feedback without its interaction, as of the last count
  std::int64_t waited_in_vain = 0;  // of it, given up: it waited too long,
  std::int64_t crowded_out = 0;     // or there was too much of it
  std::string last_error;           // empty when the last batch went well
};

class Indexer {
 public:
  Indexer(Outbox& outbox, Database& db, Clock& clock, IndexerOptions options);
  ~Indexer();  // as stop()
  Indexer(const Indexer&) = delete;
  Indexer& operator=(const Indexer&) = delete;

  // Indexes at most one batch; returns how many records it held, 0 if there was none.
  [[nodiscard]] Result<std::int64_t> run_once();
  // Batches until everything that is durable is indexed; the first error ends it.
  [[nodiscard]] Result<void> run_until_idle();
  // Forgets the position: for a command that has indexed all of its own outbox and removes it.
  [[nodiscard]] Result<void> forget();

  void start();
  void stop();  // after the batch in hand; waits for the threads
  // Between batches it rests while `busy` says that others need the processors more, though not
  // where somebody waits for it, it owes too much or a consent, it has rested long, or the outbox
  // fills. An empty function: it rests no more, and `busy` is not asked again once this has
  // returned.
  void give_way_while(std::function<bool()> busy);

  // Waits until `position` is indexed; kTimeout otherwise.
  [[nodiscard]] Result<void> wait_for(std::int64_t position, std::chrono::milliseconds timeout);
  [[nodiscard]] IndexerStatus status() const;

 private:
  struct Batch {
    std::vector<OutboxRecord> records;
    std::int64_t position = 0;  // everything up to here is in it or before it
  };
  struct Written {  // by one transaction
    std::size_t records = 0;
    std::chrono::steady_clock::time_point began;
  };
  Result<void> begin();
  Result<void> read_batch(std::size_t at_most);
  Result<void> write_all();
  Result<Written> write(std::span<const OutboxRecord> records, std::chrono::milliseconds time);
  Result<void> move_position(std::int64_t position);  // in a transaction
  Result<void> write_one_by_one();
  Result<void> set_aside(const OutboxRecord& record, const Error& reason);
  [[nodiscard]] std::int64_t cut_off_up_to() const;
  Result<void> count_cut_off();
  Result<void> link_waiting();
  Result<void> bound_waiting();
  Result<std::int64_t> run_batch(std::size_t at_most);

  // With a small share of the processors, or with a full one. A thread may lower its rank and never
  // raise it, so each of these two has a thread, and one of them has the turn.
  enum class Pace { kRest, kEasy, kHurried };
  void run(Pace pace);
  [[nodiscard]] Pace pace_for(const OutboxStatus& outbox) const;  // `mutex_` is held
  void note(const Error& error);                                  // and here

  Outbox& outbox_;
  Database& db_;
  Clock& clock_;
  const IndexerOptions options_;
  const std::string key_;                 // in outbox_position: name and identity
  std::unique_ptr<OutboxReader> reader_;  // made by begin()
  Batch batch_;                           // in hand: read, not yet written
  bool cut_off_counted_ = false;
  std::int64_t may_wait_ = 0;  // counted, and all feedback since
  std::chrono::steady_clock::time_point linked_at_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  IndexerStatus status_;
  std::function<bool()> busy_;
  int waiting_ = 0;  // wait_for
  Pace turn_ = Pace::kEasy;
  std::chrono::milliseconds backoff_;
  std::chrono::steady_clock::time_point worked_at_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hone::store
