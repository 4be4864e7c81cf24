// The verdict policy in force: --policy, else verdict_policy of the settings, else the one that
// ships.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/settings.h"
#include "feedback/policy.h"

namespace hone::cli {

[[nodiscard]] Result<feedback::Policy> load_policy(const Settings& settings,
                                                   const std::string& file = "");

}  // namespace hone::cli
