// One segment file, and the walk through its slots that recovery, readers and tombstones share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "store/outbox_format.h"

namespace hone::store {

// Guarded by the outbox's mutex, but for `name`, `header` and `file`, which never change.
struct Segment {
  std::string name;
  SegmentHeader header;
  std::unique_ptr<File> file;
  std::uint64_t size = 0;          // of what was appended
  std::uint64_t durable_end = 0;   // of what is synced
  std::int64_t last_position = 0;  // 0: it holds no record
};

// What a step of the walk found.
struct Found {
  std::optional<SlotView> slot;        // valid until the next step
  std::optional<OutboxDamage> damage;  // bytes that are no slot; the walk stands behind them
  std::uint64_t offset = 0;            // of the slot
};

class SegmentWalk {
 public:
  SegmentWalk(File& file, std::string name)
      : file_(file), name_(std::move(name)), offset_(kSegmentHeaderBytes) {}

  // The next slot or damage before `end`; neither where the walk has come to `end`. Where bytes
  // make no slot, it looks on at each aligned offset for one whose sum is right and whose position
  // is higher.
  [[nodiscard]] Result<Found> next(std::uint64_t end);
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::int64_t last_position() const { return last_position_; }
  void forget_buffer() { buffer_.clear(); }  // after the file was changed below the walk

 private:
  Result<std::string_view> bytes_at(std::uint64_t offset, std::size_t size, std::uint64_t end);
  Result<std::optional<SlotView>> slot_at(std::uint64_t offset, std::uint64_t end);
  File& file_;
  const std::string name_;
  std::uint64_t offset_;
  std::int64_t last_position_ = 0;
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;
};

}  // namespace hone::store
