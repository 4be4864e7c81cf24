// The last step of all posts that bring feedback: to the outbox, in order, with one sync.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/async.h"
#include "privacy/redactor.h"
#include "store/outbox.h"
#include "store/records.h"

namespace hone::api {

// Feedback texts are redacted as their interaction is. What cannot be redacted is not stored.
[[nodiscard]] Result<void> redact_texts(std::initializer_list<std::optional<std::string>*> texts,
                                        const privacy::Redactor& redactor);

// Done when all of it is on disk, its texts redacted before. kUnavailable: what there is of it will
// be known by its ids when it is sent again.
[[nodiscard]] net::awaitable<Result<void>> keep_feedback(store::Outbox& outbox,
                                                         const std::vector<store::Feedback>& all);

}  // namespace hone::api
