// Ids: a type prefix, then 26 characters of Crockford base 32: 48 bits of milliseconds and 80 of
// chance (the ULID layout), so that ids sort by time and say what they name: "int_01KA…". Prefixes:
// int interaction, fb feedback, per person, team, key, rel release, run, ev evaluation, req
// request.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace hone {

// Makes ids. Thread-safe.
class IdSource {
 public:
  IdSource(Clock& clock, Random random) : clock_(clock), random_(random) {}
  [[nodiscard]] std::string next(std::string_view prefix);

 private:
  Clock& clock_;
  std::mutex mutex_;
  Random random_;
};

// An id of the same form for what has a name elsewhere: the same for the same time and `key`, so
// that what is read twice is one record.
[[nodiscard]] std::string derived_id(std::string_view prefix, Time time, std::string_view key);

// True for `prefix` + "_" + 26 characters of the alphabet.
[[nodiscard]] bool is_id(std::string_view text, std::string_view prefix);

}  // namespace hone
