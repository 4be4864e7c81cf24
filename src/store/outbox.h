// The one door into the store: an append-only journal of checksummed records in segment files
// (docs/formats/outbox.md). An acknowledgement means that a record is here, synced.
//
//   auto outbox = Outbox::open(posix_files(), "DATA/outbox/main", clock);
//   (*outbox)->append({.kind = RecordKind::kInteraction, .id = …, .persons = {…}, .payload = …});
//   (*outbox)->append_synced(record, [](Result<std::int64_t> position) { answer 202 or 503 });
//
// Thread-safe. `append` writes to the page cache (it survives kill -9, not a power cut) and is
// synced within `commit_interval`; `append_synced` calls back once it is on disk: one fdatasync
// serves all who wait. A failed sync fences the outbox: it is never retried, whoever waits and
// whoever comes later gets kUnavailable, until the process has restarted and recovery has looked at
// the segment. A full outbox refuses with kUnavailable too, counted, and goes on once segments have
// been removed. What is indexed makes room from half of the bound on. Where that is not enough, for
// the index falls behind, or where the disk has little room, records are compressed; before, that
// would be a quarter of what recording a call costs.
//
// Positions rise. After a process that did not close its outbox they go on 2^24 higher, so that a
// position which a damaged record had is never given again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "store/records.h"

namespace hone::store {

struct OutboxOptions {
  std::uint64_t segment_bytes = 64U << 20;  // a segment that reaches this is followed by a new one
  std::uint64_t max_total_bytes = 4ULL
                                  << 30;  // all segments together; beyond it appends are refused
  std::uint64_t min_free_bytes = 64ULL << 20;  // of the disk; below it appends are refused as well
  std::chrono::milliseconds commit_interval{50};  // unsynced records wait no longer for their sync
  double compress_from = 5.0 / 8;  // full: from there on records are compressed; 0: always
};

struct OutboxRecord {
  RecordKind kind = RecordKind::kInteraction;
  std::string id{};                    // at most 65,535 bytes
  std::vector<std::string> persons{};  // whom an erasure must find it by
  std::string payload{};               // JSON of records.h; at most 64 MiB; empty in a tombstone
  std::int64_t position = 0;           // set by the outbox
  bool tombstone = false;              // its content was erased
};

// Bytes that recovery or a reader could not make sense of.
struct OutboxDamage {
  std::string segment{};  // file name
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t after_position = 0;  // of the last intact record before
  // False for a torn tail: records that nobody had been told were stored.
  bool acknowledged = false;
  [[nodiscard]] std::string message() const;
};

struct OutboxStatus {
  std::uint64_t total_bytes = 0;
  std::uint64_t max_total_bytes = 0;
  std::int64_t segments = 0;
  std::int64_t last_position = 0;
  std::int64_t durable_position = 0;
  std::int64_t urgent_position = 0;  // no consent and no erasure lies behind it
  bool fenced = false;
  std::int64_t refused_full = 0;    // appends
  std::int64_t refused_fenced = 0;  // appends, and those whose sync failed
  std::int64_t commits = 0;         // fdatasyncs
  std::int64_t waiting = 0;         // append_synced calls that wait for one
};

class OutboxReader;

class Outbox {
 public:
  using Callback = std::function<void(Result<std::int64_t>)>;

  // Makes the folder if need be, takes its lock (kUnavailable if another process has it), and
  // recovers: a torn tail is cut, damage is listed in `damage()`, and what is intact stays
  // readable.
  [[nodiscard]] static Result<std::unique_ptr<Outbox>> open(FileSystem& files, std::string folder,
                                                            Clock& clock,
                                                            OutboxOptions options = {});
  ~Outbox();  // as close()
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Returns the record's position. Microseconds, but for a disk that blocks writes.
  [[nodiscard]] Result<std::int64_t> append(const OutboxRecord& record);
  // `done` is called exactly once, with the position: from the commit thread, or from this call if
  // the record is refused at once. It must be quick and must not call the outbox's close().
  void append_synced(const OutboxRecord& record, Callback done);
  // append_synced for callers that can block.
  [[nodiscard]] Result<std::int64_t> append_and_wait(const OutboxRecord& record);

  // Reads records after `position` (0: from the first) in order, up to what is durable. Several
  // readers may read at once and while others append; each belongs to one thread and must not
  // outlive the outbox.
  [[nodiscard]] std::unique_ptr<OutboxReader> read_after(std::int64_t position);
  // Waits until a record after `position` is durable; false if the timeout passed or the outbox
  // closed.
  [[nodiscard]] bool wait_for_more(std::int64_t position, std::chrono::milliseconds timeout);

  // Erases the content of one durable record in place: kind, id and position stay. kNotFound if
  // there is none. Returns after a sync; a crash in between is finished at the next open.
  [[nodiscard]] Result<void> tombstone(std::int64_t position);

  // Removes segments whose records are all at or before `indexed` and that ended before
  // `older_than`; while the outbox is more than half full, younger ones too. Returns how many.
  [[nodiscard]] Result<std::int64_t> remove_segments(std::int64_t indexed, Time older_than);

  // Syncs what is left, ends the segment and stops the commit thread. Appends fail afterwards.
  Result<void> close();

  // Drawn at random when the folder was made, so that positions of another outbox of the same name
  // are never taken for this one's.
  [[nodiscard]] const std::string& identity() const;
  // The last position that earlier processes left.
  [[nodiscard]] std::int64_t recovered_position() const;
  [[nodiscard]] const std::vector<OutboxDamage>& damage() const;  // found at open
  [[nodiscard]] bool fenced() const;
  // Whether records are taken, as far as is known: not fenced, and neither the bound nor the disk
  // is near its end. One atomic read, for who asks at every request.
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] OutboxStatus status() const;

 private:
  friend class OutboxReader;
  struct State;
  explicit Outbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class OutboxReader {
 public:
  ~OutboxReader();
  OutboxReader(const OutboxReader&) = delete;
  OutboxReader& operator=(const OutboxReader&) = delete;

  // The next record; none if there is no further durable one yet (ask again later). Damage gives
  // kCorrupt once, naming segment and offset; the call after goes on with the next intact record.
  [[nodiscard]] Result<std::optional<OutboxRecord>> next();
  // Everything up to here has been returned. After `next` gave none it is the durable position of
  // then, which may lie beyond the last record (see above: gaps).
  [[nodiscard]] std::int64_t position() const;

 private:
  friend class Outbox;
  struct State;
  explicit OutboxReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::store
