// The bytes of an outbox segment, as docs/formats/outbox.md says: a header, then slots of 8-byte
// alignment, each a record, a tombstone or the end marker. Pure functions. Reading trusts nothing:
// sizes are bounded and every byte that matters is under a CRC-32C.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "store/outbox.h"

namespace hone::store {

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kSlotHeaderBytes = 40;
inline constexpr std::size_t kMaxPayloadBytes = 64U << 20;
inline constexpr std::size_t kMaxIdBytes = 65535;
inline constexpr std::size_t kMaxPersonsBytes = 1U << 20;

struct SegmentHeader {
  std::int64_t first_position = 1;  // no record before it is in this segment
  std::int64_t previous = 0;        // first_position of the segment before, 0 if there was none
  Time created_at{};
  std::string identity;  // 32 hex digits
};

[[nodiscard]] std::string encode(const SegmentHeader& header);
[[nodiscard]] std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

// "segment-00000000000000000001.log", and back: the first position, none for another name.
[[nodiscard]] std::string segment_name(std::int64_t first_position);
[[nodiscard]] std::optional<std::int64_t> segment_position(std::string_view name);

// A record before it has a position: compressed and summed without holding a lock.
class Slot {
 public:
  // kTooLarge if the record is over one of the limits above. `compressed` where it gets smaller so.
  [[nodiscard]] static Result<Slot> encode(const OutboxRecord& record, bool compressed);
  // What stands in place of an erased record whose slot had a body of `body_bytes`.
  [[nodiscard]] static Slot tombstone(RecordKind kind, std::string_view id, std::size_t body_bytes);
  [[nodiscard]] static Slot end_marker();

  // Sets what is only known at the append and returns the finished bytes. `durable` is the last
  // position that was known to be synced: by it recovery tells damage from what was merely never
  // finished.
  [[nodiscard]] const std::string& finish(std::int64_t position, std::int64_t durable);
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] RecordKind kind() const;

 private:
  Slot(std::uint8_t kind, std::uint8_t flags, std::string_view id, std::string_view persons,
       std::string_view stored, std::size_t payload_bytes, std::size_t body_bytes);
  std::string bytes_;
  std::size_t body_bytes_;
  std::uint32_t body_crc_;
};

// A slot as it stands on disk; views into the bytes it was read from.
struct SlotView {
  std::int64_t position = 0;
  std::int64_t durable = 0;
  std::uint8_t kind = 0;
  bool compressed = false;
  bool tombstone = false;
  std::string_view whole;  // with header and padding
  std::string_view id;
  std::string_view persons;
  std::string_view stored;
  std::size_t payload_bytes = 0;
  std::size_t body_bytes = 0;
  [[nodiscard]] bool is_end() const { return kind == 0; }
};

// Size of the slot whose header `bytes` start with, if it may be one that fits into `limit` bytes;
// nothing is known about its sum yet.
[[nodiscard]] std::optional<std::size_t> plausible_slot_size(std::string_view bytes,
                                                             std::uint64_t limit);
// The slot at the start of `bytes`, if it is whole and its sum is right.
[[nodiscard]] std::optional<SlotView> decode_slot(std::string_view bytes);
[[nodiscard]] Result<OutboxRecord> read_record(const SlotView& slot);

}  // namespace hone::store
