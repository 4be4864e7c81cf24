// The calls that are under way, in a file that is written as memory is: beginning and ending one is
// a few stores, without a system call, a lock or a wait. What a process leaves there when it dies
// is told at the next start. A power cut may take entries with it: nothing here is synced.
//
//   auto calls = InFlight::open(posix_files(), "DATA/outbox/main/in-flight");
//   auto cut_off_up_to = move_left(**calls, *outbox);
//   const auto place = (*calls)->begin(start);  …  if (place) (*calls)->end(*place);
//
// Thread-safe, but for left and forget_left. Format: docs/formats/outbox.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "store/outbox.h"
#include "store/records.h"

namespace hone::store {

class InFlight {
 public:
  using Place = std::uint32_t;

  // One process at a time: who has the outbox's lock.
  [[nodiscard]] static Result<std::unique_ptr<InFlight>> open(FileSystem& files,
                                                              const std::string& path,
                                                              std::uint32_t places = 16'384);

  // None where so many calls are under way that no place was found. Long names are cut to fit.
  [[nodiscard]] std::optional<Place> begin(const InteractionStart& start);
  void end(Place place);

  // Of calls that an earlier process began and did not end. They keep their places until they are
  // forgotten: after they have been written down elsewhere.
  [[nodiscard]] const std::vector<InteractionStart>& left() const { return left_; }
  void forget_left();

 private:
  InFlight(std::unique_ptr<MappedBytes> bytes, std::uint32_t places);
  [[nodiscard]] char* at(Place place) const;
  [[nodiscard]] std::atomic_ref<std::uint32_t> state(Place place) const;
  void read_left();

  std::unique_ptr<MappedBytes> bytes_;
  const std::uint32_t places_;
  std::atomic<std::uint32_t> next_ = 0;  // where the search for a free place begins
  std::vector<InteractionStart> left_;
  std::vector<Place> left_places_;
};

// Writes what an earlier process left into the outbox, as starts without an end, and forgets it.
// Returns the position up to which starts without an end are cut off (see IndexerOptions).
[[nodiscard]] Result<std::int64_t> move_left(InFlight& calls, Outbox& outbox);

}  // namespace hone::store
