#include "store/outbox_format.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/hash.h"
#include "store/compression.h"
#include "store/digest.h"

namespace hone::store {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kMagic = "HONEOBX1";
constexpr std::uint8_t kCompressed = 1;
constexpr std::uint8_t kTombstone = 2;
constexpr std::size_t kCompressFrom = 256;  // below, zstd's frame eats the gain
constexpr int kCompressionLevel = 1;
constexpr std::size_t kMaxBodyBytes = kMaxPayloadBytes + kMaxPersonsBytes + kMaxIdBytes;

// Offsets in a slot's header.
constexpr std::size_t kCrc = 0, kBody = 4, kPosition = 8, kDurable = 16, kKind = 24, kFlags = 25,
                      kIdSize = 26, kPersonsSize = 28, kPayloadSize = 32, kStoredSize = 36;

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <typename T>
T get(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::size_t padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

// The body's sum comes first, so that it can be made before the header is complete.
std::uint32_t slot_crc(std::string_view header, std::uint32_t body_crc) {
  return crc32c(header.substr(kBody, kSlotHeaderBytes - kBody), body_crc);
}

std::string encode_persons(const std::vector<std::string>& persons) {
  std::string bytes;
  for (const auto& person : persons) {
    const std::size_t at = bytes.size();
    bytes.resize(at + 2);
    put(bytes, at, static_cast<std::uint16_t>(person.size()));
    bytes += person;
  }
  return bytes;
}

std::optional<std::vector<std::string>> decode_persons(std::string_view bytes) {
  std::vector<std::string> persons;
  while (!bytes.empty()) {
    if (bytes.size() < 2) return std::nullopt;
    const std::size_t size = get<std::uint16_t>(bytes, 0);
    if (bytes.size() - 2 < size) return std::nullopt;
    persons.emplace_back(bytes.substr(2, size));
    bytes.remove_prefix(2 + size);
  }
  return persons;
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  put(bytes, 16, header.first_position);
  put(bytes, 24, header.previous);
  put(bytes, 32, to_millis(header.created_at));
  const auto identity = unhex(header.identity);
  HONE_ASSERT(identity && identity->size() == 16);
  std::memcpy(bytes.data() + 40, identity->data(), identity->size());
  put(bytes, 8, crc32c(std::string_view(bytes).substr(12)));
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (get<std::uint32_t>(bytes, 8) != crc32c(bytes.substr(12))) return std::nullopt;
  return SegmentHeader{get<std::int64_t>(bytes, 16), get<std::int64_t>(bytes, 24),
                       from_millis(get<std::int64_t>(bytes, 32)), hex(bytes.substr(40, 16))};
}

std::string segment_name(std::int64_t first_position) {
  const std::string digits = std::to_string(first_position);
  return "segment-" + std::string(20 - digits.size(), '0') + digits + ".log";
}

std::optional<std::int64_t> segment_position(std::string_view name) {
  std::int64_t position = 0;
  if (name.size() != 32 || !name.starts_with("segment-")) return std::nullopt;
  const auto read = std::from_chars(name.data() + 8, name.data() + 28, position);
  if (read.ec != std::errc() || segment_name(position) != name) return std::nullopt;
  return position;
}

Slot::Slot(std::uint8_t kind, std::uint8_t flags, std::string_view id, std::string_view persons,
           std::string_view stored, std::size_t payload_bytes, std::size_t body_bytes)
    : bytes_(kSlotHeaderBytes, '\0'), body_bytes_(body_bytes) {
  put(bytes_, kBody, static_cast<std::uint32_t>(body_bytes));
  put(bytes_, kKind, kind);
  put(bytes_, kFlags, flags);
  put(bytes_, kIdSize, static_cast<std::uint16_t>(id.size()));
  put(bytes_, kPersonsSize, static_cast<std::uint32_t>(persons.size()));
  put(bytes_, kPayloadSize, static_cast<std::uint32_t>(payload_bytes));
  put(bytes_, kStoredSize, static_cast<std::uint32_t>(stored.size()));
  bytes_.reserve(kSlotHeaderBytes + padded(body_bytes));
  bytes_ += id;
  bytes_ += persons;
  bytes_ += stored;
  bytes_.resize(kSlotHeaderBytes + padded(body_bytes));
  body_crc_ = crc32c(std::string_view(bytes_).substr(kSlotHeaderBytes, body_bytes));
}

Result<Slot> Slot::encode(const OutboxRecord& record, bool compressed) {
  std::size_t longest_person = 0;
  for (const auto& person : record.persons) {
    longest_person = std::max(longest_person, person.size());
  }
  const std::string persons = encode_persons(record.persons);
  if (record.id.size() > kMaxIdBytes || longest_person > kMaxIdBytes ||
      persons.size() > kMaxPersonsBytes || record.payload.size() > kMaxPayloadBytes) {
    return fail(ErrorCode::kTooLarge, "a record of " + std::to_string(record.payload.size()) +
                                          " bytes is over the outbox's limits");
  }
  std::string frame;
  if (compressed && record.payload.size() >= kCompressFrom) {
    frame = compress(record.payload, kCompressionLevel);
  }
  const bool smaller = !frame.empty() && frame.size() < record.payload.size();
  const std::string_view stored = smaller ? frame : record.payload;
  return Slot(static_cast<std::uint8_t>(record.kind), smaller ? kCompressed : std::uint8_t{0},
              record.id, persons, stored, record.payload.size(),
              record.id.size() + persons.size() + stored.size());
}

Slot Slot::tombstone(RecordKind kind, std::string_view id, std::size_t body_bytes) {
  return Slot(static_cast<std::uint8_t>(kind), kTombstone, id, {}, {}, 0, body_bytes);
}

Slot Slot::end_marker() {
  return Slot(0, 0, {}, {}, {}, 0, 0);
}

const std::string& Slot::finish(std::int64_t position, std::int64_t durable) {
  put(bytes_, kPosition, position);
  put(bytes_, kDurable, durable);
  put(bytes_, kCrc, slot_crc(bytes_, body_crc_));
  return bytes_;
}

RecordKind Slot::kind() const {
  return static_cast<RecordKind>(get<std::uint8_t>(bytes_, kKind));
}

std::optional<std::size_t> plausible_slot_size(std::string_view bytes, std::uint64_t limit) {
  if (bytes.size() < kSlotHeaderBytes) return std::nullopt;
  const std::size_t body = get<std::uint32_t>(bytes, kBody);
  const std::size_t parts = std::size_t{get<std::uint16_t>(bytes, kIdSize)} +
                            get<std::uint32_t>(bytes, kPersonsSize) +
                            get<std::uint32_t>(bytes, kStoredSize);
  const std::size_t size = kSlotHeaderBytes + padded(body);
  const bool tombstone = (get<std::uint8_t>(bytes, kFlags) & kTombstone) != 0;
  if (body > kMaxBodyBytes || size > limit) return std::nullopt;
  if (parts > body || (parts != body && !tombstone)) return std::nullopt;
  if (get<std::uint32_t>(bytes, kPayloadSize) > kMaxPayloadBytes) return std::nullopt;
  return size;
}

std::optional<SlotView> decode_slot(std::string_view bytes) {
  const auto size = plausible_slot_size(bytes, bytes.size());
  if (!size) return std::nullopt;
  SlotView slot;
  slot.whole = bytes.substr(0, *size);
  slot.body_bytes = get<std::uint32_t>(bytes, kBody);
  const std::string_view body = bytes.substr(kSlotHeaderBytes, slot.body_bytes);
  const std::string_view header = bytes.substr(0, kSlotHeaderBytes);
  if (get<std::uint32_t>(bytes, kCrc) != slot_crc(header, crc32c(body))) return std::nullopt;
  slot.position = get<std::int64_t>(bytes, kPosition);
  slot.durable = get<std::int64_t>(bytes, kDurable);
  slot.kind = get<std::uint8_t>(bytes, kKind);
  const auto flags = get<std::uint8_t>(bytes, kFlags);
  slot.compressed = (flags & kCompressed) != 0;
  slot.tombstone = (flags & kTombstone) != 0;
  slot.payload_bytes = get<std::uint32_t>(bytes, kPayloadSize);
  const std::size_t id_size = get<std::uint16_t>(bytes, kIdSize);
  const std::size_t persons_size = get<std::uint32_t>(bytes, kPersonsSize);
  slot.id = body.substr(0, id_size);
  slot.persons = body.substr(id_size, persons_size);
  slot.stored = body.substr(id_size + persons_size, get<std::uint32_t>(bytes, kStoredSize));
  return slot;
}

Result<OutboxRecord> read_record(const SlotView& slot) {
  OutboxRecord record;
  record.kind = static_cast<RecordKind>(slot.kind);
  record.id = slot.id;
  record.position = slot.position;
  record.tombstone = slot.tombstone;
  const auto corrupt = [&] {
    return fail(ErrorCode::kCorrupt, "the outbox record at position " +
                                         std::to_string(slot.position) + " does not decode");
  };
  auto persons = decode_persons(slot.persons);
  if (!persons) return corrupt();
  record.persons = std::move(*persons);
  if (!slot.compressed) {
    record.payload = slot.stored;
    return record;
  }
  auto payload = decompress(slot.stored, slot.payload_bytes);
  if (!payload) return corrupt();
  record.payload = std::move(*payload);
  return record;
}

}  // namespace hone::store
