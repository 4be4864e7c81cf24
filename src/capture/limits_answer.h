// What clients are told of their limits, in the header fields of their format: with each answer to
// a call that counts, where they stand; with a 429 also when to come back (Retry-After).
//
//   OpenAI     x-ratelimit-limit-requests: 60, x-ratelimit-remaining-requests: 0,
//              x-ratelimit-reset-requests: 12s; the same with -tokens
//   Anthropic  anthropic-ratelimit-requests-limit: 60, anthropic-ratelimit-requests-remaining: 0,
//              anthropic-ratelimit-requests-reset: 2026-11-27T06:01:00.000Z; the same with tokens
//
// Of several limits that one is told of which the least is left. Cost has no field in either
// format. Fields of the same names that came from the upstream give way: its limits are those of
// the organisation's key, not the caller's.
//
// Clients of both retry some times by themselves. Where that is in vain, since the limit is one of
// a day or a month, x-should-retry tells them not to.
#pragma once

#include <chrono>
#include <string>

#include "capture/limits.h"
#include "net/http.h"
#include "wire/call.h"

namespace hone::capture {

[[nodiscard]] net::Headers limit_headers(const LimitRefusal& refusal, wire::Format format,
                                         Time now);

// In place of what stands there.
void put_standings(net::Headers& headers, const LimitStandings& standings, wire::Format format,
                   Time now);

// A caller's limits, to be told as they stand when the answer begins. Costs nothing until then.
class LimitNotice {
 public:
  // All of them outlive the notice.
  LimitNotice(Clock& clock, const LimitAccounts& accounts, wire::Format format)
      : clock_(clock), accounts_(accounts), format_(format) {}
  void put(net::Headers& headers) const;

 private:
  Clock& clock_;
  const LimitAccounts& accounts_;
  const wire::Format format_;
};

// "12s", "6m0s", "23h59m12s": as OpenAI writes how long it is until a limit is reset.
[[nodiscard]] std::string duration_text(std::chrono::seconds time);

}  // namespace hone::capture
