// The insides of Outbox, shared by the files that implement it: outbox.cpp (append and commit),
// outbox_recovery.cpp (open), outbox_reader.cpp, outbox_tombstone.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "store/outbox.h"
#include "store/outbox_segment.h"

namespace hone::store {

struct Outbox::State {
  State(FileSystem& files_in, std::string folder_in, Clock& clock_in, OutboxOptions options_in)
      : files(files_in), folder(std::move(folder_in)), clock(clock_in), options(options_in) {}

  FileSystem& files;
  const std::string folder;
  Clock& clock;
  const OutboxOptions options;

  // Set at open, constant afterwards.
  std::unique_ptr<FileLock> folder_lock;
  std::string identity;
  std::int64_t recovered_position = 0;
  std::vector<OutboxDamage> damage;
  bool crashed = false;  // a segment had no end marker

  // Held shared while a reader looks at slots, exclusively while a tombstone is written over one.
  // Taken before `mutex`, never after.
  std::shared_mutex slots;
  std::atomic<std::int64_t> tombstones = 0;  // written; readers then drop what they have buffered

  std::mutex tombstoning;  // one tombstone at a time; taken before the others

  // These follow what is below; see note_room.
  std::atomic<bool> has_room = true;
  std::atomic<bool> compresses = false;

  mutable std::mutex mutex;                        // guards what follows
  std::condition_variable work;                    // for the commit thread
  std::condition_variable durable_grew;            // for wait_for_more
  std::vector<std::shared_ptr<Segment>> segments;  // in order; the last one takes appends
  std::vector<std::shared_ptr<Segment>> dirty;     // with bytes that are not synced yet
  std::chrono::steady_clock::time_point dirty_since;
  std::vector<std::pair<std::int64_t, Callback>> waiting;
  OutboxStatus status;
  bool disk_low = false;
  bool disk_tight = false;
  bool write_refused = false;  // the last append found no space
  std::chrono::steady_clock::time_point disk_checked;
  bool stopping = false;
  bool closed = false;
  std::thread committer;

  [[nodiscard]] std::string path(const std::string& name) const { return folder + "/" + name; }

  // outbox_recovery.cpp
  Result<void> recover();
  Result<std::vector<std::string>> find_segments();
  Result<std::shared_ptr<Segment>> open_segment(const std::string& name);
  Result<void> rewrite(Segment& segment);
  Result<std::shared_ptr<Segment>> make_segment(SegmentHeader header);

  // outbox.cpp; `lock` holds `mutex`.
  Result<std::int64_t> append(Slot& slot, Callback* waiter);
  Result<void> refuse_if_unable(std::size_t slot_bytes);
  void mark_dirty(const std::shared_ptr<Segment>& segment);
  void fence(const Error& cause);
  void note_room();
  void commit_until_stopped();
  void commit(std::unique_lock<std::mutex>& lock);
  void roll(std::unique_lock<std::mutex>& lock);
  void end_segment();
  void look_at_disk();

  // outbox_tombstone.cpp
  Result<void> finish_tombstone();
  Result<std::shared_ptr<Segment>> segment_with(std::int64_t position, std::uint64_t& durable_end);
  Result<void> write_tombstone(Segment& segment, std::uint64_t offset, std::string_view bytes);
};

}  // namespace hone::store
