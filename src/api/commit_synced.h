// The promise behind a 2xx: what was posted is in the outbox, synced.
#pragma once

#include "base/result.h"
#include "net/async.h"
#include "store/outbox.h"

namespace hone::api {

// kUnavailable, with what to do, where that cannot be said within 30 s.
[[nodiscard]] net::awaitable<Result<void>> commit_synced(store::Outbox& outbox,
                                                         store::OutboxRecord record);

}  // namespace hone::api
