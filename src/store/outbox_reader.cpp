// Reading the outbox while it is written: only what is durable, so that nothing is indexed that a
// crash could still take back.
#include "store/outbox_state.h"

namespace hone::store {

struct OutboxReader::State {
  Outbox::State& outbox;
  std::int64_t after;     // the last position returned, or to be passed over
  std::int64_t position;  // see OutboxReader::position
  std::shared_ptr<Segment> segment{};
  std::unique_ptr<SegmentWalk> walk{};
  std::int64_t tombstones_seen = 0;

  struct View {
    std::uint64_t end = 0;  // of what may be read in the current segment
    bool finished = false;  // nothing will be added to it
    std::int64_t durable = 0;
  };
  View look();
  void enter_segment();
};

// The first segment behind the current one that may hold a record after `after`; under the outbox's
// mutex.
void OutboxReader::State::enter_segment() {
  const auto& segments = outbox.segments;
  const std::int64_t current = segment ? segment->header.first_position : -1;
  for (const auto& candidate : segments) {
    const bool behind = candidate->header.first_position > current;
    if (!behind || (candidate->last_position <= after && candidate != segments.back())) continue;
    segment = candidate;
    walk = std::make_unique<SegmentWalk>(*segment->file, segment->name);
    return;
  }
}

OutboxReader::State::View OutboxReader::State::look() {
  const std::lock_guard lock(outbox.mutex);
  if (!segment) enter_segment();
  auto view = [&] {
    return View{segment->durable_end,
                segment != outbox.segments.back() && segment->durable_end == segment->size,
                outbox.status.durable_position};
  };
  View now = view();
  while (now.finished && walk->offset() >= now.end) {
    enter_segment();
    now = view();
  }
  return now;
}

OutboxReader::OutboxReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
OutboxReader::~OutboxReader() = default;

std::unique_ptr<OutboxReader> Outbox::read_after(std::int64_t position) {
  auto state = std::make_unique<OutboxReader::State>(*state_, position, position);
  return std::unique_ptr<OutboxReader>(new OutboxReader(std::move(state)));
}

std::int64_t OutboxReader::position() const {
  return state_->position;
}

Result<std::optional<OutboxRecord>> OutboxReader::next() {
  State& s = *state_;
  while (true) {
    const State::View view = s.look();
    const std::shared_lock reading(s.outbox.slots);
    if (s.tombstones_seen != s.outbox.tombstones) {
      s.tombstones_seen = s.outbox.tombstones;
      s.walk->forget_buffer();
    }
    auto found = s.walk->next(view.end);
    if (!found) return fail(found.error());
    if (found->damage) {
      found->damage->acknowledged = true;
      return fail(ErrorCode::kCorrupt, s.outbox.folder + ": " + found->damage->message());
    }
    if (!found->slot) {
      if (view.finished) continue;
      s.position = std::max(s.position, view.durable);
      return std::nullopt;
    }
    if (found->slot->is_end() || found->slot->position <= s.after) continue;
    s.after = s.position = found->slot->position;
    auto record = read_record(*found->slot);
    if (!record) return fail(record.error());
    return std::move(*record);
  }
}

}  // namespace hone::store
