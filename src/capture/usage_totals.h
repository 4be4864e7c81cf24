// What was used of this day and this month before this process began, from the store, so that a
// restart gives nobody a new allowance. Reads a month of interactions at most: at start, and where
// the rules change. Blocking.
#pragma once

#include "base/result.h"
#include "capture/limits.h"
#include "store/database.h"

namespace hone::capture {

// Whether anybody has a limit of a day or a month: by the rules, or a key of its own.
[[nodiscard]] Result<bool> needs_totals(store::Database& database, const Limits& limits);

// Raises the counts of whoever has such a limit. What is not indexed yet is not seen.
[[nodiscard]] Result<void> load_totals(store::Database& database, Limits& limits, Time now);

}  // namespace hone::capture
