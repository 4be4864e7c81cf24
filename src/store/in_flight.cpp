#include "store/in_flight.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

namespace hone::store {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

// A place: its state, the sizes of the four texts, the time, the texts one after the other.
constexpr std::size_t kPlaceBytes = 256;
constexpr std::size_t kSizes = 4, kStartedAt = 16, kTexts = 24;
constexpr std::size_t kTextBytes = kPlaceBytes - kTexts;
constexpr std::uint32_t kFree = 0, kTaken = 1, kBeingWritten = 2;
constexpr int kTries = 64;  // places looked at before a call goes on without one

using Texts = std::array<std::string_view, 4>;

// What is kept of each: id and person are short and come first.
Texts fitted(const InteractionStart& start) {
  Texts texts = {start.id, start.person, start.alias, start.model};
  std::size_t room = kTextBytes;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool last = i + 1 == texts.size();
    texts[i] = texts[i].substr(0, last ? room : room / 2);
    room -= texts[i].size();
  }
  return texts;
}

void write(char* place, const InteractionStart& start) {
  const Texts texts = fitted(start);
  char* text = place + kTexts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto size = static_cast<std::uint16_t>(texts[i].size());
    std::memcpy(place + kSizes + i * sizeof size, &size, sizeof size);
    std::memcpy(text, texts[i].data(), texts[i].size());
    text += texts[i].size();
  }
  const std::int64_t at = to_millis(start.started_at);
  std::memcpy(place + kStartedAt, &at, sizeof at);
}

// nullopt for what nobody has written.
std::optional<InteractionStart> read(const char* place) {
  InteractionStart start;
  std::size_t used = 0;
  std::size_t i = 0;
  for (std::string* text : {&start.id, &start.person, &start.alias, &start.model}) {
    std::uint16_t size = 0;
    std::memcpy(&size, place + kSizes + i++ * sizeof size, sizeof size);
    if (used + size > kTextBytes) return std::nullopt;
    text->assign(place + kTexts + used, size);
    used += size;
  }
  std::int64_t at = 0;
  std::memcpy(&at, place + kStartedAt, sizeof at);
  start.started_at = from_millis(at);
  if (start.id.empty()) return std::nullopt;
  return start;
}

}  // namespace

InFlight::InFlight(std::unique_ptr<MappedBytes> bytes, std::uint32_t places)
    : bytes_(std::move(bytes)), places_(places) {}

Result<std::unique_ptr<InFlight>> InFlight::open(FileSystem& files, const std::string& path,
                                                 std::uint32_t places) {
  auto bytes = files.map(path, std::uint64_t{places} * kPlaceBytes);
  if (!bytes) return fail(bytes.error());
  std::unique_ptr<InFlight> calls(new InFlight(std::move(*bytes), places));
  calls->read_left();
  return calls;
}

char* InFlight::at(Place place) const {
  return bytes_->data() + std::size_t{place} * kPlaceBytes;
}

std::atomic_ref<std::uint32_t> InFlight::state(Place place) const {
  return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at(place)));  // maps begin on a page
}

void InFlight::read_left() {
  for (Place place = 0; place < places_; ++place) {
    if (state(place) == kFree) continue;
    auto start = state(place) == kTaken ? read(at(place)) : std::nullopt;
    if (!start) {  // died while it wrote: the request had not gone out
      state(place) = kFree;
      continue;
    }
    left_.push_back(std::move(*start));
    left_places_.push_back(place);
  }
}

void InFlight::forget_left() {
  for (const Place place : left_places_) end(place);
  left_places_.clear();
  left_.clear();
}

std::optional<InFlight::Place> InFlight::begin(const InteractionStart& start) {
  for (int i = 0; i < kTries; ++i) {
    const Place place = next_.fetch_add(1, std::memory_order_relaxed) % places_;
    std::uint32_t expected = kFree;
    if (!state(place).compare_exchange_strong(expected, kBeingWritten)) continue;
    write(at(place), start);
    state(place).store(kTaken, std::memory_order_release);
    return place;
  }
  return std::nullopt;
}

void InFlight::end(Place place) {
  state(place).store(kFree, std::memory_order_release);
}

Result<std::int64_t> move_left(InFlight& calls, Outbox& outbox) {
  std::int64_t position = outbox.recovered_position();
  for (const InteractionStart& start : calls.left()) {
    std::vector<std::string> persons;
    if (!start.person.empty()) persons.push_back(start.person);
    const auto written = outbox.append_and_wait({.kind = RecordKind::kInteractionStart,
                                                 .id = start.id,
                                                 .persons = std::move(persons),
                                                 .payload = to_payload(start)});
    if (!written) return fail(written.error());
    position = *written;
  }
  calls.forget_left();
  return position;
}

}  // namespace hone::store
