#include "store/outbox_segment.h"

#include <algorithm>

namespace hone::store {
namespace {

constexpr std::size_t kReadBytes = 1U << 20;

}  // namespace

Result<std::string_view> SegmentWalk::bytes_at(std::uint64_t offset, std::size_t size,
                                               std::uint64_t end) {
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end - offset));
  if (offset < buffer_offset_ || offset + size > buffer_offset_ + buffer_.size()) {
    const auto wanted = std::min<std::uint64_t>(std::max(size, kReadBytes), end - offset);
    auto read = file_.read_at(offset, static_cast<std::size_t>(wanted));
    if (!read) return fail(read.error());
    buffer_ = std::move(*read);
    buffer_offset_ = offset;
  }
  return std::string_view(buffer_).substr(static_cast<std::size_t>(offset - buffer_offset_), size);
}

Result<std::optional<SlotView>> SegmentWalk::slot_at(std::uint64_t offset, std::uint64_t end) {
  auto header = bytes_at(offset, kSlotHeaderBytes, end);
  if (!header) return fail(header.error());
  const auto size = plausible_slot_size(*header, end - offset);
  if (!size) return std::nullopt;
  auto bytes = bytes_at(offset, *size, end);
  if (!bytes) return fail(bytes.error());
  const auto slot = decode_slot(*bytes);
  if (!slot) return std::nullopt;
  // An end marker repeats the last position.
  const bool follows =
      slot->is_end() ? slot->position >= last_position_ : slot->position > last_position_;
  return follows ? slot : std::nullopt;
}

Result<Found> SegmentWalk::next(std::uint64_t end) {
  const std::uint64_t start = offset_;
  for (; offset_ < end; offset_ += 8) {
    auto slot = slot_at(offset_, end);
    if (!slot) {
      offset_ = start;  // the caller may try again
      return fail(slot.error());
    }
    if (!*slot) continue;
    if (offset_ > start) {
      return Found{.slot = std::nullopt,
                   .damage = OutboxDamage{name_, start, offset_ - start, last_position_,
                                          (*slot)->durable > last_position_},
                   .offset = start};
    }
    last_position_ = (*slot)->position;
    offset_ += (*slot)->whole.size();
    return Found{.slot = *slot, .damage = std::nullopt, .offset = start};
  }
  offset_ = end;
  if (start >= end) return Found{};
  return Found{.slot = std::nullopt,
               .damage = OutboxDamage{name_, start, end - start, last_position_, false},
               .offset = start};
}

}  // namespace hone::store
