// Segments as a damaged disk may hold them.
#include <cstring>

#include "base/hash.h"
#include "fuzz/targets.h"
#include "store/outbox_format.h"

namespace hone::fuzz {
namespace {

void read_slots(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto slot = store::decode_slot(bytes);
    if (!slot) return;
    must(!slot->whole.empty() && slot->whole.size() <= bytes.size(), "a slot beyond its bytes");
    must(store::plausible_slot_size(bytes, bytes.size()) == slot->whole.size(),
         "a slot of another size than its header says");
    if (const auto record = store::read_record(*slot)) {
      must(record->payload.size() <= store::kMaxPayloadBytes, "a payload over its limit");
    }
    bytes.remove_prefix(slot->whole.size());
  }
}

// With the right sum (docs/formats/outbox.md), so that what lies behind it is read too.
std::string sealed(std::string_view bytes) {
  std::string slot(bytes);
  const auto size = store::plausible_slot_size(slot, slot.size());
  if (!size || *size > slot.size()) return slot;
  std::uint32_t body_bytes = 0;
  std::memcpy(&body_bytes, slot.data() + 4, sizeof body_bytes);
  const std::string_view view = slot;
  const auto body_crc = crc32c(view.substr(store::kSlotHeaderBytes, body_bytes));
  const auto crc = crc32c(view.substr(4, store::kSlotHeaderBytes - 4), body_crc);
  std::memcpy(slot.data(), &crc, sizeof crc);
  return slot;
}

}  // namespace

void outbox(std::string_view bytes) {
  (void)store::decode_segment_header(bytes);
  read_slots(bytes);
  read_slots(sealed(bytes));
  // What is written comes back.
  const store::OutboxRecord record{.id = std::string(bytes.substr(0, bytes.size() / 4)),
                                   .persons = {std::string(bytes.substr(0, bytes.size() / 8))},
                                   .payload = std::string(bytes)};
  auto slot = store::Slot::encode(record, bytes.size() % 2 == 0);
  if (!slot) return;
  const auto view = store::decode_slot(slot->finish(7, 3));
  must(view.has_value() && view->position == 7 && view->durable == 3, "a slot that was written");
  const auto again = store::read_record(*view);
  must(again && again->payload == record.payload && again->id == record.id &&
           again->persons == record.persons,
       "a record that was written");
}

}  // namespace hone::fuzz
