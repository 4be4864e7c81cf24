// The 429 that a client's own retrying understands: Retry-After, and where its limits stand in the
// header fields of its format.
//
//   OpenAI     x-ratelimit-limit-requests: 60, x-ratelimit-remaining-requests: 0,
//              x-ratelimit-reset-requests: 12s; the same with -tokens
//   Anthropic  anthropic-ratelimit-requests-limit: 60, anthropic-ratelimit-requests-remaining: 0,
//              anthropic-ratelimit-requests-reset: 2026-11-27T06:01:00.000Z; the same with tokens
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

// "12s", "6m0s", "23h59m12s": as OpenAI writes how long it is until a limit is reset.
[[nodiscard]] std::string duration_text(std::chrono::seconds time);

}  // namespace hone::capture
