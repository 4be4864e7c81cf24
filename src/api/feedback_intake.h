// The last step of all posts that bring feedback: to the outbox, in order, with one sync.
#pragma once

#include <vector>

#include "base/result.h"
#include "net/async.h"
#include "store/outbox.h"
#include "store/records.h"

namespace hone::api {

// Done when all of it is on disk, its texts redacted before. kUnavailable: what there is of it will
// be known by its ids when it is sent again.
[[nodiscard]] net::awaitable<Result<void>> keep_feedback(store::Outbox& outbox,
                                                         const std::vector<store::Feedback>& all);

}  // namespace hone::api
