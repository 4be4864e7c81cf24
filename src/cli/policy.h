// The verdict policy in force: --policy, else verdict_policy of the settings, else the one that
// ships. The rules of mining likewise: --rules, mining_rules.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/settings.h"
#include "feedback/mining_rules.h"
#include "feedback/policy.h"

namespace hone::cli {

[[nodiscard]] Result<feedback::Policy> load_policy(const Settings& settings,
                                                   const std::string& file = "");
[[nodiscard]] Result<feedback::MiningRules> load_mining_rules(const Settings& settings,
                                                              const std::string& file = "");

}  // namespace hone::cli
