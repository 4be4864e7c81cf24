// Which call is another attempt at one that came to nothing: the same body, from the same person,
// after the first went without its answer. Clients do so by themselves after an error, a time-out
// or a connection that broke. A body that was answered and comes again is no retry: somebody asked
// twice.
//
//   facts.retry_of = retries.earlier(body, facts);     // before it is written down
//   retries.ended(body, facts, answered);              // once it is
//
// Only calls without an answer are kept, in memory and for some minutes, so that the others cost a
// look-up; an attempt that went through another server is not known here, and neither is one that
// is still being recorded, on another thread, when the next one is. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "capture/memo.h"
#include "store/records.h"

namespace hone::capture {

// Whether the client of a call with that status has what it asked for, or an answer that asking
// again would not change (400, 404, …). `complete`: the answer came to its proper end.
[[nodiscard]] bool was_answered(std::int64_t status, bool complete);

class Retries {
 public:
  explicit Retries(std::size_t capacity = 8'192) : unanswered_(capacity) {}

  // The id of the attempt before this one; "" where there is none. `body` is what the whole body is
  // known by.
  [[nodiscard]] std::string earlier(const MemoKey& body, const store::Interaction& facts);
  // To be told when the interaction is in the outbox, so that nothing there names one that is not.
  void ended(const MemoKey& body, const store::Interaction& facts, bool answered);

 private:
  // Another call is a retry of it if it began in this time.
  struct Attempt {
    std::array<char, 40> id{};  // zeros behind it
    Time from{};
    Time until{};
  };
  Memo<Attempt> unanswered_;
};

}  // namespace hone::capture
