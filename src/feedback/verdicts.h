// Verdicts in the store. Whoever links feedback to an interaction notes its id in table
// `verdict_due`; `refresh` decides those again, so that it costs what is new and may run every
// second. `replay` decides everything again, after a change of policy. Several processes may
// refresh at once: a signal that comes while its verdict is made is due again. Blocking; from a
// worker thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "feedback/policy.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

// Returns how many interactions were decided (those whose feedback says nothing have no verdict).
[[nodiscard]] Result<std::int64_t> refresh(store::Database& database, const Policy& policy);
[[nodiscard]] Result<std::int64_t> replay(store::Database& database, const Policy& policy);

// The arithmetic of one verdict, for people to read. kNotFound for an interaction that is not
// there.
[[nodiscard]] Result<std::string> explain(store::Database& database, const Policy& policy,
                                          std::string_view interaction_id);

}  // namespace hone::feedback
