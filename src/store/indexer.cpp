#include "store/indexer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <unordered_set>

#include "base/thread.h"
#include "store/rows.h"
#include "store/schema.h"
#include "store/text.h"

namespace hone::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kLinkEvery = 30s;
constexpr auto kIdleWait = 100ms;  // how long stop() may take when there is nothing to do
constexpr auto kRest = 20ms;
// Few, for where the processors fill up meanwhile nobody can hurry what is begun at an easy pace.
constexpr std::size_t kEasyRecords = 200;

// What trying again cannot mend: the record, not the database, is at fault.
bool is_the_records_fault(const Error& error) {
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kConflict ||
         error.code == ErrorCode::kTooLarge;
}

// Most interactions end in the batch that they started in; their starts need no rows.
std::unordered_set<std::string_view> ended_in(std::span<const OutboxRecord> records) {
  std::unordered_set<std::string_view> ended;
  for (const auto& record : records) {
    if (record.kind == RecordKind::kInteraction) ended.insert(record.id);
  }
  return ended;
}

}  // namespace

Indexer::Indexer(Outbox& outbox, Database& db, Clock& clock, IndexerOptions options)
    : outbox_(outbox),
      db_(db),
      clock_(clock),
      options_(std::move(options)),
      key_(options_.name + ":" + outbox.identity()),
      backoff_(options_.first_backoff) {}

Indexer::~Indexer() {
  stop();
}

Result<void> Indexer::begin() {
  if (reader_) return {};
  const auto rows = db_.query("SELECT position FROM outbox_position WHERE outbox = ?", {key_});
  if (!rows) return fail(rows.error());
  const std::int64_t position = rows->empty() ? 0 : rows->front().integer("position");
  if (auto linked = link_waiting(); !linked) return linked;
  reader_ = outbox_.read_after(position);
  batch_.position = position;
  return {};
}

Result<std::int64_t> Indexer::run_once() {
  return run_batch(options_.batch_records);
}

Result<std::int64_t> Indexer::run_batch(std::size_t at_most) {
  if (auto begun = begin(); !begun) return fail(begun.error());
  if (batch_.records.empty()) {
    if (auto read = read_batch(at_most); !read) return fail(read.error());
  }
  const auto records = std::ssize(batch_.records);
  may_wait_ += std::ranges::count(batch_.records, RecordKind::kFeedback, &OutboxRecord::kind);
  auto written = write_all();
  if (!written && is_the_records_fault(written.error())) written = write_one_by_one();
  if (!written) return fail(written.error());
  if (may_wait_ > options_.waiting_at_most + options_.waiting_at_most / 10) {
    if (auto bounded = bound_waiting(); !bounded) return fail(bounded.error());
  }
  if (!cut_off_counted_ && batch_.position >= cut_off_up_to()) {
    if (auto counted = count_cut_off(); !counted) return fail(counted.error());
  }
  {
    const std::lock_guard lock(mutex_);
    status_.indexed_position = batch_.position;
    status_.indexed_records += records;
    status_.last_error.clear();
    changed_.notify_all();
  }
  const auto removed = outbox_.remove_segments(batch_.position, clock_.now() - options_.keep);
  if (!removed) spdlog::warn("indexer: {}", removed.error().message);
  return records;
}

Result<void> Indexer::run_until_idle() {
  while (true) {
    const auto records = run_once();
    if (!records) return fail(records.error());
    if (*records == 0) return {};
  }
}

Result<void> Indexer::forget() {
  auto done = db_.execute("DELETE FROM outbox_position WHERE outbox = ?", {key_});
  if (!done) return fail(done.error());
  return {};
}

Result<void> Indexer::read_batch(std::size_t at_most) {
  std::size_t bytes = 0;
  while (batch_.records.size() < at_most && bytes < options_.batch_bytes) {
    auto next = reader_->next();
    if (!next && next.error().code == ErrorCode::kCorrupt) {
      spdlog::error("indexer: {}", next.error().message);
      const std::lock_guard lock(mutex_);
      ++status_.damaged;
      continue;
    }
    if (!next && batch_.records.empty()) return fail(next.error());
    if (!next || !*next) break;
    bytes += (*next)->payload.size();
    batch_.records.push_back(std::move(**next));
  }
  batch_.position = reader_->position();
  return {};
}

// What is done leaves the batch, here and below, so that an error in between repeats nothing.
Result<void> Indexer::write_all() {
  auto& records = batch_.records;
  while (!records.empty()) {
    const auto written = write(records, options_.batch_time);
    if (!written) return fail(written.error());
    const auto count = static_cast<std::ptrdiff_t>(written->records);
    records.erase(records.begin(), records.begin() + count);
    if (records.empty()) break;
    // SQLite has those who wait look again every tenth of a second.
    std::this_thread::sleep_for((std::chrono::steady_clock::now() - written->began) / 10);
  }
  return {};
}

// The first of them at least, and what can be written in that time, which does not run while we
// wait for others: else the more they write, the less of ours a transaction would take along.
Result<Indexer::Written> Indexer::write(std::span<const OutboxRecord> records,
                                        std::chrono::milliseconds time) {
  const auto ended = ended_in(records);
  Written written;
  const bool feedback_comes = std::ranges::any_of(
      records, [](const auto& record) { return record.kind == RecordKind::kFeedback; });
  auto committed = db_.transaction([&]() -> Result<void> {
    written.began = std::chrono::steady_clock::now();
    if (auto ours = check_schema(db_); !ours) return ours;
    const auto waits = feedback_comes ? Result<bool>(true) : feedback_waits(db_);
    if (!waits) return fail(waits.error());
    const RowOptions options{.feedback_waits = *waits, .compress = options_.compress};
    for (const OutboxRecord& record : records) {
      Result<void> done;
      if (record.tombstone) {
        done = count(db_, "records_tombstoned", 1);
      } else if (record.kind != RecordKind::kInteractionStart) {
        done = write_record(db_, record, options);
      } else if (!ended.contains(record.id)) {
        const auto start = read_interaction_start(record.payload);
        if (!start) return fail(start.error());
        done = write_start(db_, *start, key_, record.position);
      }
      if (!done) return done;
      ++written.records;
      if (std::chrono::steady_clock::now() - written.began >= time) break;
    }
    const OutboxRecord& last = records[written.records - 1];
    return move_position(&last == &batch_.records.back() ? batch_.position : last.position);
  });
  if (!committed) return fail(committed.error());
  return written;
}

Result<void> Indexer::move_position(std::int64_t position) {
  auto moved = db_.execute(
      "INSERT INTO outbox_position (outbox, position) VALUES (?, ?)"
      " ON CONFLICT (outbox) DO UPDATE SET position = excluded.position",
      {key_, position});
  if (!moved) return fail(moved.error());
  return {};
}

// One bad record must not hold up the others of its batch.
Result<void> Indexer::write_one_by_one() {
  auto& records = batch_.records;
  while (!records.empty()) {
    const auto written = write(std::span(records).first(1), 0ms);
    if (!written) {
      if (!is_the_records_fault(written.error())) return fail(written.error());
      auto kept = set_aside(records.front(), written.error());
      if (!kept) return kept;
    }
    records.erase(records.begin());
  }
  return {};
}

Result<void> Indexer::set_aside(const OutboxRecord& record, const Error& reason) {
  spdlog::error("indexer: record {} at {} is set aside: {}", record.id, record.position,
                reason.message);
  auto kept = db_.transaction([&]() -> Result<void> {
    if (auto ours = check_schema(db_); !ours) return ours;
    auto noted = db_.execute(
        "INSERT INTO set_aside (outbox, position, kind, record_id, reason, payload)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        {key_, record.position, static_cast<std::int64_t>(record.kind), storable_text(record.id),
         storable_text(reason.message), storable_text(record.payload)});
    if (!noted) return fail(noted.error());
    if (*noted > 0) {
      if (auto done = count(db_, "records_set_aside", 1); !done) return done;
    }
    return move_position(record.position);
  });
  if (!kept) return kept;
  const std::lock_guard lock(mutex_);
  ++status_.set_aside;
  return {};
}

std::int64_t Indexer::cut_off_up_to() const {
  return std::max(options_.cut_off_up_to, outbox_.recovered_position());
}

Result<void> Indexer::count_cut_off() {
  std::int64_t found = 0;
  auto counted = db_.transaction([&]() -> Result<void> {
    auto cut = cut_off_starts(db_, key_, cut_off_up_to());
    if (!cut) return fail(cut.error());
    found = *cut;
    return {};
  });
  cut_off_counted_ = counted.has_value();
  if (!counted) return counted;
  if (found > 0) spdlog::warn("indexer: {} interactions were cut off by the last exit", found);
  const std::lock_guard lock(mutex_);
  status_.cut_off += found;
  return counted;
}

Result<void> Indexer::link_waiting() {
  linked_at_ = std::chrono::steady_clock::now();
  auto done = db_.transaction([&]() -> Result<void> {
    auto linked = link_waiting_feedback(db_);
    if (!linked) return fail(linked.error());
    return {};
  });
  return done ? bound_waiting() : done;
}

Result<void> Indexer::bound_waiting() {
  WaitingFeedback found;
  auto done = db_.transaction([&]() -> Result<void> {
    auto bounded =
        bound_waiting_feedback(db_, clock_.now() - options_.waiting_keep, options_.waiting_at_most);
    if (!bounded) return fail(bounded.error());
    found = *bounded;
    return {};
  });
  if (!done) return done;
  if (found.expired + found.crowded_out > 0) {
    spdlog::warn(
        "indexer: {} feedback waited too long for its interaction and {} was too much, given up; "
        "`hone feedback waiting` shows what waits",
        found.expired, found.crowded_out);
  }
  if (found.outcomes_expired + found.outcomes_crowded_out > 0) {
    spdlog::info("indexer: {} outcomes of commits are over, and {} were too many",
                 found.outcomes_expired, found.outcomes_crowded_out);
  }
  // Whatever comes may be of either.
  may_wait_ = std::max(found.waits, found.outcomes);
  const std::lock_guard lock(mutex_);
  status_.waiting = found.waits + found.outcomes;
  status_.waited_in_vain += found.expired + found.outcomes_expired;
  status_.crowded_out += found.crowded_out + found.outcomes_crowded_out;
  return {};
}

void Indexer::start() {
  HONE_ASSERT(threads_.empty());
  stopping_ = false;
  for (const Pace pace : {Pace::kEasy, Pace::kHurried})
    threads_.emplace_back([this, pace] { run(pace); });
}

void Indexer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Indexer::give_way_while(std::function<bool()> busy) {
  const std::lock_guard lock(mutex_);
  busy_ = std::move(busy);
}

Indexer::Pace Indexer::pace_for(const OutboxStatus& outbox) const {
  const std::int64_t owed = outbox.durable_position - status_.indexed_position;
  const bool urgent = outbox.urgent_position > status_.indexed_position;
  // Removing what is indexed is ours as well, and begins at half.
  const bool fills = outbox.total_bytes > outbox.max_total_bytes / 16 * 9 || !outbox_.has_room();
  if (waiting_ > 0 || urgent || fills || owed >= options_.owes_at_most) return Pace::kHurried;
  const bool rested = std::chrono::steady_clock::now() - worked_at_ >= options_.rests_at_most;
  if (busy_ && !rested && busy_()) return Pace::kRest;
  return owed >= options_.hurries_from ? Pace::kHurried : Pace::kEasy;
}

// Traffic and recording go first; what the index owes stays in the outbox meanwhile.
void Indexer::run(Pace pace) {
  name_this_thread(pace == Pace::kEasy ? "hone-index" : "hone-index-now");
  set_rank(pace == Pace::kEasy ? Rank::kIndex : Rank::kRecord);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || turn_ == pace; });
    if (stopping_) return;
    lock.unlock();
    const auto outbox = outbox_.status();
    lock.lock();
    const Pace due = pace_for(outbox);
    if (due == Pace::kRest) {
      changed_.wait_for(lock, kRest, [&] { return stopping_ || waiting_ > 0; });
      continue;
    }
    if (due != pace) {
      turn_ = due;
      changed_.notify_all();
      continue;
    }
    lock.unlock();
    auto records = run_batch(pace == Pace::kEasy ? kEasyRecords : options_.batch_records);
    if (records && std::chrono::steady_clock::now() - linked_at_ > kLinkEvery) {
      if (auto linked = link_waiting(); !linked) records = fail(linked.error());
    }
    if (records && *records == 0) (void)outbox_.wait_for_more(batch_.position, kIdleWait);
    lock.lock();
    worked_at_ = std::chrono::steady_clock::now();
    if (records) {
      backoff_ = options_.first_backoff;
      continue;
    }
    note(records.error());
    changed_.wait_for(lock, backoff_, [&] { return stopping_; });
    backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  }
}

void Indexer::note(const Error& error) {
  if (status_.last_error != error.message) {
    spdlog::error("indexer: {}; trying again", error.message);
  }
  status_.last_error = error.message;
  ++status_.failed_batches;
}

Result<void> Indexer::wait_for(std::int64_t position, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto indexed = [&] { return status_.indexed_position >= position; };
  if (indexed()) return {};
  ++waiting_;
  changed_.notify_all();
  const bool done = changed_.wait_for(lock, timeout, indexed);
  --waiting_;
  if (done) return {};
  return fail(ErrorCode::kTimeout,
              "the indexer has not come to position " + std::to_string(position) + " in time");
}

IndexerStatus Indexer::status() const {
  const std::int64_t durable = outbox_.status().durable_position;
  const std::lock_guard lock(mutex_);
  IndexerStatus status = status_;
  status.lag_records = std::max<std::int64_t>(0, durable - status.indexed_position);
  return status;
}

}  // namespace hone::store
