// Appending, the group commit and the fence.
#include "store/outbox.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>

#include "base/thread.h"
#include "store/outbox_state.h"

namespace hone::store {
namespace {

using Steady = std::chrono::steady_clock;

// How often a full disk is looked at again.
constexpr auto kDiskLook = std::chrono::seconds(1);
// What an ordinary record may need: a call is turned away before there is no room for those that
// have begun.
constexpr std::uint64_t kOrdinaryRecords = 1U << 20;

// So many times the room at which the disk counts as full, it has little.
constexpr std::uint64_t kTight = 4;

Error fenced_error() {
  return {ErrorCode::kUnavailable,
          "the outbox is fenced since a sync failed: restart once the disk is well"};
}

}  // namespace

std::string OutboxDamage::message() const {
  if (size_bytes == 0) {
    return segment + ": what followed position " + std::to_string(after_position) + " is missing";
  }
  return segment + " at offset " + std::to_string(offset) + ": " + std::to_string(size_bytes) +
         " bytes after position " + std::to_string(after_position) +
         (acknowledged ? " are damaged" : " were never finished");
}

Outbox::Outbox(std::unique_ptr<State> state) : state_(std::move(state)) {}

Outbox::~Outbox() {
  (void)close();
}

Result<std::unique_ptr<Outbox>> Outbox::open(FileSystem& files, std::string folder, Clock& clock,
                                             OutboxOptions options) {
  auto state = std::make_unique<State>(files, std::move(folder), clock, options);
  if (auto recovered = state->recover(); !recovered) return fail(recovered.error());
  state->status.max_total_bytes = options.max_total_bytes;
  state->status.urgent_position = state->recovered_position;  // who knows what is there
  state->look_at_disk();
  {
    const std::lock_guard lock(state->mutex);
    state->note_room();
  }
  state->committer = std::thread([inside = state.get()] { inside->commit_until_stopped(); });
  return std::unique_ptr<Outbox>(new Outbox(std::move(state)));
}

Result<std::int64_t> Outbox::append(const OutboxRecord& record) {
  auto slot = Slot::encode(record, state_->compresses);
  if (!slot) return fail(slot.error());
  return state_->append(*slot, nullptr);
}

void Outbox::append_synced(const OutboxRecord& record, Callback done) {
  auto slot = Slot::encode(record, state_->compresses);
  if (!slot) return done(fail(slot.error()));
  auto appended = state_->append(*slot, &done);
  if (!appended) done(fail(appended.error()));
}

Result<std::int64_t> Outbox::append_and_wait(const OutboxRecord& record) {
  std::promise<Result<std::int64_t>> promise;
  auto answer = promise.get_future();
  append_synced(record, [&](Result<std::int64_t> position) { promise.set_value(position); });
  return answer.get();
}

bool Outbox::wait_for_more(std::int64_t position, std::chrono::milliseconds timeout) {
  std::unique_lock lock(state_->mutex);
  const auto more = [&] { return state_->status.durable_position > position; };
  state_->durable_grew.wait_for(lock, timeout, [&] { return more() || state_->closed; });
  return more();
}

Result<std::int64_t> Outbox::remove_segments(std::int64_t indexed, Time older_than) {
  const std::lock_guard lock(state_->mutex);
  auto& segments = state_->segments;
  std::int64_t removed = 0;
  // Kept for a rainy day only while nobody needs the room.
  const auto crowded = [&] {
    return state_->status.total_bytes > state_->options.max_total_bytes / 2;
  };
  // A segment ended when its successor was made.
  while (segments.size() > 1 && segments[0]->last_position <= indexed &&
         segments[0]->durable_end == segments[0]->size &&
         (segments[1]->header.created_at <= older_than || crowded())) {
    const auto done = state_->files.remove(state_->path(segments[0]->name));
    if (!done) return fail(done.error());
    state_->status.total_bytes -= segments[0]->size;
    segments.erase(segments.begin());
    ++removed;
  }
  state_->note_room();
  return removed;
}

Result<void> Outbox::close() {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return {};
    state_->stopping = true;
    state_->work.notify_all();
  }
  state_->committer.join();
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->durable_grew.notify_all();
  if (state_->status.fenced) return fail(fenced_error());
  return {};
}

const std::string& Outbox::identity() const {
  return state_->identity;
}
std::int64_t Outbox::recovered_position() const {
  return state_->recovered_position;
}
const std::vector<OutboxDamage>& Outbox::damage() const {
  return state_->damage;
}

bool Outbox::fenced() const {
  const std::lock_guard lock(state_->mutex);
  return state_->status.fenced;
}

bool Outbox::has_room() const {
  return state_->has_room.load(std::memory_order_relaxed);
}

OutboxStatus Outbox::status() const {
  const std::lock_guard lock(state_->mutex);
  OutboxStatus status = state_->status;
  status.segments = std::ssize(state_->segments);
  status.waiting = std::ssize(state_->waiting);
  return status;
}

Result<void> Outbox::State::refuse_if_unable(std::size_t slot_bytes) {
  if (stopping) return fail(ErrorCode::kUnavailable, "the outbox is closing");
  if (status.fenced) {
    ++status.refused_fenced;
    return fail(fenced_error());
  }
  if (disk_low || status.total_bytes + slot_bytes > options.max_total_bytes) {
    ++status.refused_full;
    return fail(ErrorCode::kUnavailable, disk_low ? "the outbox is full: little room on the disk"
                                                  : "the outbox is full: its bound is reached");
  }
  return {};
}

Result<std::int64_t> Outbox::State::append(Slot& slot, Callback* waiter) {
  const std::lock_guard held(mutex);
  if (auto able = refuse_if_unable(slot.size()); !able) return fail(able.error());
  const auto& segment = segments.back();
  const std::int64_t position = status.last_position + 1;
  const auto written =
      segment->file->write_at(segment->size, slot.finish(position, status.durable_position));
  if (!written) {
    if (written.error().code == ErrorCode::kUnavailable) {  // no space
      ++status.refused_full;
      // What was written of it is cut; where even that fails, the next append writes over it.
      (void)segment->file->truncate(segment->size);
      write_refused = true;
      note_room();
      work.notify_one();
      return fail(written.error());
    }
    fence(written.error());
    ++status.refused_fenced;
    return fail(fenced_error());
  }
  segment->size += slot.size();
  segment->last_position = position;
  status.total_bytes += slot.size();
  status.last_position = position;
  if (slot.kind() == RecordKind::kConsent || slot.kind() == RecordKind::kErasure) {
    status.urgent_position = position;
  }
  write_refused = false;
  note_room();
  mark_dirty(segment);
  if (waiter != nullptr) {
    waiting.emplace_back(position, std::move(*waiter));
    if (waiting.size() == 1) work.notify_one();
  }
  return position;
}

void Outbox::State::mark_dirty(const std::shared_ptr<Segment>& segment) {
  if (dirty.empty()) {
    dirty_since = Steady::now();
    work.notify_one();
  }
  if (dirty.empty() || dirty.back() != segment) dirty.push_back(segment);
}

void Outbox::State::fence(const Error& cause) {
  if (!status.fenced) spdlog::error("outbox {}: fenced: {}", folder, cause.message);
  status.fenced = true;
  note_room();
}

void Outbox::State::note_room() {
  const double full =
      static_cast<double>(status.total_bytes) / static_cast<double>(options.max_total_bytes);
  const bool tight = full > options.compress_from || disk_tight;
  if (compresses.load(std::memory_order_relaxed) != tight) compresses = tight;
  const std::uint64_t spare = std::min(kOrdinaryRecords, options.max_total_bytes / 16);
  const bool fits = status.total_bytes + spare <= options.max_total_bytes;
  const bool room = fits && !disk_low && !write_refused && !status.fenced;
  if (has_room.load(std::memory_order_relaxed) != room) has_room = room;
}

void Outbox::State::commit_until_stopped() {
  name_this_thread("hone-commit");
  std::unique_lock lock(mutex);
  const auto has_work = [&] { return stopping || !dirty.empty(); };
  while (true) {
    work.wait(lock, [&] { return has_work() || disk_low || write_refused; });
    if (!has_work()) {
      // Nothing is appended while the disk is full, so nobody else would see that it no longer is.
      work.wait_for(lock, kDiskLook, has_work);
      lock.unlock();
      look_at_disk();
      lock.lock();
      continue;
    }
    if (!stopping && waiting.empty()) {
      work.wait_until(lock, dirty_since + options.commit_interval,
                      [&] { return stopping || !waiting.empty(); });
    }
    // Whoever closes while a commit runs (the lock is free then) waits for one more.
    const bool last = stopping;
    if (last && !status.fenced) end_segment();
    commit(lock);
    if (last) return;
    roll(lock);
  }
}

void Outbox::State::commit(std::unique_lock<std::mutex>& lock) {
  auto segments_to_sync = std::exchange(dirty, {});
  auto callbacks = std::exchange(waiting, {});
  std::vector<std::uint64_t> ends;
  for (const auto& segment : segments_to_sync) ends.push_back(segment->size);
  const std::int64_t last = status.last_position;
  Result<void> synced;
  if (!status.fenced) {
    lock.unlock();
    for (const auto& segment : segments_to_sync) {
      if (synced) synced = segment->file->sync_data();
    }
    look_at_disk();
    lock.lock();
    ++status.commits;
    if (!synced) fence(synced.error());
  }
  if (status.fenced) {
    // Who came while the sync ran waits for one that never comes.
    std::move(waiting.begin(), waiting.end(), std::back_inserter(callbacks));
    waiting.clear();
    dirty.clear();
    status.refused_fenced += std::ssize(callbacks);
  } else {
    for (std::size_t i = 0; i < ends.size(); ++i) segments_to_sync[i]->durable_end = ends[i];
    status.durable_position = last;
    durable_grew.notify_all();
  }
  const bool fenced = status.fenced;
  lock.unlock();
  for (auto& [position, done] : callbacks) {
    done(fenced ? Result<std::int64_t>(fail(fenced_error())) : Result<std::int64_t>(position));
  }
  lock.lock();
}

void Outbox::State::roll(std::unique_lock<std::mutex>& lock) {
  if (status.fenced || segments.back()->size < options.segment_bytes) return;
  // The old segment may take records past `first` while the new one is made: a segment's first
  // position is a lower bound.
  const std::int64_t first = status.last_position + 1;
  const std::int64_t previous = segments.back()->header.first_position;
  lock.unlock();
  auto made = make_segment({first, previous, clock.now(), identity});
  lock.lock();
  if (!made) {  // the old one goes on; the next commit tries again
    spdlog::warn("outbox {}: no new segment: {}", folder, made.error().message);
    return;
  }
  end_segment();
  status.total_bytes += (*made)->size;
  segments.push_back(std::move(*made));
}

// Without a marker (no space for it) the next open looks the segment over as if the process had
// crashed.
void Outbox::State::end_segment() {
  const auto& segment = segments.back();
  Slot marker = Slot::end_marker();
  const auto& bytes = marker.finish(segment->last_position, status.durable_position);
  if (!segment->file->write_at(segment->size, bytes)) return;
  segment->size += bytes.size();
  status.total_bytes += bytes.size();
  mark_dirty(segment);
}

void Outbox::State::look_at_disk() {
  const auto now = Steady::now();
  {
    const std::lock_guard held(mutex);
    if (now - disk_checked < kDiskLook) return;
    disk_checked = now;
  }
  const auto free = files.free_bytes(folder);
  const std::lock_guard held(mutex);
  disk_low = free && *free < options.min_free_bytes;
  disk_tight = free && *free < kTight * options.min_free_bytes;
  write_refused = false;  // the next append finds out
  note_room();
}

}  // namespace hone::store
