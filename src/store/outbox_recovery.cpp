// Opening an outbox. A segment that ends with its marker is taken as it is; any other is suspect,
// for its process died or was fenced: a failed sync may have left pages in memory that never
// reached the disk and that no later sync writes. So its intact records are copied to a new file,
// synced, renamed over it.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"
#include "store/outbox_state.h"

namespace hone::store {
namespace {

// More records than the torn tail of a segment can hold.
constexpr std::int64_t kGapAfterCrash = 1 << 24;

Result<std::optional<SegmentHeader>> read_header(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  auto bytes = (*file)->read_at(0, kSegmentHeaderBytes);
  if (!bytes) return fail(bytes.error());
  return decode_segment_header(*bytes);
}

// The position in the end marker, if the file ends with one.
Result<std::optional<std::int64_t>> read_end_marker(File& file, std::uint64_t size) {
  if (size < kSegmentHeaderBytes + kSlotHeaderBytes) return std::nullopt;
  auto bytes = file.read_at(size - kSlotHeaderBytes, kSlotHeaderBytes);
  if (!bytes) return fail(bytes.error());
  const auto slot = decode_slot(*bytes);
  if (!slot || !slot->is_end()) return std::nullopt;
  return slot->position;
}

}  // namespace

Result<std::shared_ptr<Segment>> Outbox::State::make_segment(SegmentHeader header) {
  const std::string name = segment_name(header.first_position);
  if (auto made = write_file_atomically(files, path(name), encode(header)); !made) {
    return fail(made.error());
  }
  auto file = files.open(path(name), FileSystem::Mode::kReadWrite);
  if (!file) return fail(file.error());
  auto segment = std::make_shared<Segment>();
  segment->name = name;
  segment->header = std::move(header);
  segment->file = std::move(*file);
  segment->size = segment->durable_end = kSegmentHeaderBytes;
  return segment;
}

Result<std::shared_ptr<Segment>> Outbox::State::open_segment(const std::string& name) {
  auto segment = std::make_shared<Segment>();
  segment->name = name;
  auto header = read_header(files, path(name));
  if (!header) return fail(header.error());
  auto file = files.open(path(name), FileSystem::Mode::kReadWrite);
  if (!file) return fail(file.error());
  segment->file = std::move(*file);
  auto size = segment->file->size();
  if (!size) return fail(size.error());
  segment->size = segment->durable_end = *size;
  if (*header) {
    segment->header = std::move(**header);
    auto last = read_end_marker(*segment->file, *size);
    if (!last) return fail(last.error());
    if (*last) {
      segment->last_position = **last;
      return segment;
    }
  } else {
    damage.push_back({name, 0, std::min<std::uint64_t>(*size, kSegmentHeaderBytes), 0, true});
    segment->header = {*segment_position(name), 0, clock.now(), identity};
  }
  if (auto done = rewrite(*segment); !done) return fail(done.error());
  return segment;
}

Result<void> Outbox::State::rewrite(Segment& segment) {
  SegmentWalk walk(*segment.file, segment.name);
  std::string bytes = encode(segment.header);
  while (walk.offset() < segment.size) {
    auto found = walk.next(segment.size);
    if (!found) return fail(found.error());
    if (found->damage) damage.push_back(*found->damage);
    if (!found->slot) continue;
    if (found->slot->is_end()) break;  // behind it lies what a full disk cut short
    bytes += found->slot->whole;
    segment.last_position = found->slot->position;
  }
  bytes += Slot::end_marker().finish(segment.last_position, segment.last_position);
  if (auto done = write_file_atomically(files, path(segment.name), bytes); !done) return done;
  auto file = files.open(path(segment.name), FileSystem::Mode::kReadWrite);
  if (!file) return fail(file.error());
  segment.file = std::move(*file);
  segment.size = segment.durable_end = bytes.size();
  crashed = true;
  return {};
}

Result<std::vector<std::string>> Outbox::State::find_segments() {
  auto names = files.list(folder);
  if (!names) return fail(names.error());
  std::vector<std::string> found;
  for (const auto& name : *names) {
    if (name.ends_with(".new")) {  // of a write that a crash cut short
      if (auto removed = files.remove(path(name)); !removed) return fail(removed.error());
    }
    if (!segment_position(name)) continue;
    auto header = read_header(files, path(name));
    if (!header) return fail(header.error());
    if (*header) identity = (*header)->identity;
    found.push_back(name);
  }
  if (identity.empty()) identity = hex(secret_bytes(16));
  return found;
}

Result<void> Outbox::State::recover() {
  if (auto made = files.make_folder(folder); !made) return made;
  auto locked = files.lock(path("lock"));
  if (!locked) return fail(locked.error());
  folder_lock = std::move(*locked);
  if (auto done = finish_tombstone(); !done) return done;
  auto names = find_segments();
  if (!names) return fail(names.error());

  std::vector<std::string> empty;
  // When the last segment with records ended: it does not become younger by every open.
  std::optional<Time> rests_since;
  std::int64_t last = 0;  // whose successor may be given out
  for (const auto& name : *names) {
    auto segment = open_segment(name);
    if (!segment) return fail(segment.error());
    const auto& header = (*segment)->header;
    last = std::max({last, header.first_position - 1, (*segment)->last_position});
    if ((*segment)->last_position == 0) {
      empty.push_back(name);
      if (!rests_since) rests_since = header.created_at;
      continue;
    }
    rests_since.reset();
    recovered_position = (*segment)->last_position;
    if (!segments.empty() && header.previous > segments.back()->header.first_position) {
      damage.push_back({name, 0, 0, segments.back()->last_position, true});
    }
    status.total_bytes += (*segment)->size;
    segments.push_back(std::move(*segment));
  }
  for (const auto& item : damage) spdlog::warn("outbox {}: {}", folder, item.message());

  if (crashed) last += kGapAfterCrash;
  const std::int64_t previous = segments.empty() ? 0 : segments.back()->header.first_position;
  auto active = make_segment({last + 1, previous, rests_since.value_or(clock.now()), identity});
  if (!active) return fail(active.error());
  for (const auto& name : empty) {
    if (name == (*active)->name) continue;  // the new one took its place
    if (auto removed = files.remove(path(name)); !removed) return removed;
  }
  status.total_bytes += (*active)->size;
  status.last_position = status.durable_position = last;
  segments.push_back(std::move(*active));
  return {};
}

}  // namespace hone::store
