// Erasing one record in place. A slot that a crash leaves half written would read as damage, so the
// new slot is first written to a file beside the segments; opening the outbox finishes what it
// finds there.
#include <spdlog/spdlog.h>

#include <charconv>

#include "base/hash.h"
#include "store/outbox_state.h"

namespace hone::store {
namespace {

constexpr std::string_view kRedoName = "tombstone.redo";

// "SEGMENT OFFSET CRC\n", then the slot's bytes.
std::string encode_redo(const std::string& segment, std::uint64_t offset, std::string_view slot) {
  return segment + " " + std::to_string(offset) + " " + std::to_string(crc32c(slot)) + "\n" +
         std::string(slot);
}

struct Redo {
  std::string segment;
  std::uint64_t offset = 0;
  std::string slot;
};

std::optional<Redo> decode_redo(std::string_view bytes) {
  const auto line_end = bytes.find('\n');
  const auto first = bytes.find(' ');
  const auto second = first == bytes.npos ? first : bytes.find(' ', first + 1);
  if (line_end == bytes.npos || second == bytes.npos || second > line_end) return std::nullopt;
  Redo redo{std::string(bytes.substr(0, first)), 0, std::string(bytes.substr(line_end + 1))};
  std::uint32_t crc = 0;
  const char* const text = bytes.data();
  const auto offset = std::from_chars(text + first + 1, text + second, redo.offset);
  const auto sum = std::from_chars(text + second + 1, text + line_end, crc);
  if (offset.ec != std::errc() || sum.ec != std::errc() || crc != crc32c(redo.slot) ||
      !segment_position(redo.segment)) {
    return std::nullopt;
  }
  return redo;
}

}  // namespace

Result<void> Outbox::State::finish_tombstone() {
  const std::string redo_path = path(std::string(kRedoName));
  auto bytes = read_file(files, redo_path);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::kNotFound) return {};
    return fail(bytes.error());
  }
  const auto redo = decode_redo(*bytes);
  if (!redo) {
    return fail(ErrorCode::kCorrupt,
                redo_path +
                    " is damaged: a record's erasure may be unfinished; erase it again "
                    "after removing this file");
  }
  auto file = files.open(path(redo->segment), FileSystem::Mode::kReadWrite);
  if (file) {
    if (auto done = (*file)->write_at(redo->offset, redo->slot); !done) return done;
    if (auto done = (*file)->sync_data(); !done) return done;
  } else if (file.error().code != ErrorCode::kNotFound) {
    return fail(file.error());
  }
  return files.remove(redo_path);
}

Result<std::shared_ptr<Segment>> Outbox::State::segment_with(std::int64_t position,
                                                             std::uint64_t& durable_end) {
  const std::lock_guard held(mutex);
  if (status.fenced) return fail(ErrorCode::kUnavailable, "the outbox is fenced: restart first");
  for (const auto& segment : segments) {
    if (segment->last_position < position) continue;
    durable_end = segment->durable_end;
    return segment;
  }
  return fail(ErrorCode::kNotFound, "the outbox has no record " + std::to_string(position));
}

Result<void> Outbox::State::write_tombstone(Segment& segment, std::uint64_t offset,
                                            std::string_view bytes) {
  const auto redo = encode_redo(segment.name, offset, bytes);
  const std::string redo_path = path(std::string(kRedoName));
  if (auto noted = write_file_atomically(files, redo_path, redo); !noted) return noted;
  Result<void> done;
  {
    const std::unique_lock writing(slots);
    ++tombstones;
    done = segment.file->write_at(offset, bytes);
  }
  if (done) done = segment.file->sync_data();
  if (!done) {  // the next open finishes it
    const std::lock_guard held(mutex);
    fence(done.error());
    return done;
  }
  return files.remove(redo_path);
}

Result<void> Outbox::tombstone(std::int64_t position) {
  const std::lock_guard one_at_a_time(state_->tombstoning);
  std::uint64_t durable_end = 0;
  auto segment = state_->segment_with(position, durable_end);
  if (!segment) return fail(segment.error());
  SegmentWalk walk(*(*segment)->file, (*segment)->name);
  while (walk.offset() < durable_end) {
    auto found = walk.next(durable_end);
    if (!found) return fail(found.error());
    if (!found->slot || found->slot->position != position || found->slot->is_end()) continue;
    const SlotView& old = *found->slot;
    if (old.tombstone) return {};
    Slot slot = Slot::tombstone(static_cast<RecordKind>(old.kind), old.id, old.body_bytes);
    return state_->write_tombstone(**segment, found->offset, slot.finish(position, old.durable));
  }
  return fail(ErrorCode::kNotFound, "the outbox has no durable record " + std::to_string(position));
}

}  // namespace hone::store
