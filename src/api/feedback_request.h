// The body of POST /api/v1/feedback (docs/formats/feedback.md), read strictly: a field that is
// wrong is named, for whoever wrote the integration reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "store/records.h"

namespace hone::api {

// Who posts, and when; `ids` only where the caller gives no idempotency key.
struct FeedbackContext {
  std::string source;  // "api:<key id>"
  std::string person;
  Time now{};
  std::string fresh_key;  // used where no idempotency_key is given
  // Whether the key may speak of a commit, and so of all interactions whose edits are in it.
  bool of_commits = true;
};

// kDenied for a commit where the context does not allow it.
[[nodiscard]] Result<store::Feedback> parse_feedback(const json::object& body,
                                                     const FeedbackContext& context);

}  // namespace hone::api
