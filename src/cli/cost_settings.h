// What hone.toml says of money and limits: [price] and [limit].
//
//   [price]
//   currency = "USD"                # of all prices and of all costs in the store
//   [price."claude-*"]              # per million tokens; the exact name before the longest pattern
//   input = 3.0
//   output = 15.0
//   cached_input = 0.3              # as input where it is left out
//   cache_write = 3.75              # as input where it is left out
//
//   [limit.everyone]                # each person
//   requests_per_minute = 60        # requests, tokens, cost; _per_minute, _per_day, _per_month
//   cost_per_month = 200.0
//   [limit.team."blue"]             # the team together
//   tokens_per_day = 50_000_000
//   [limit.person."per_…"]          # in place of everyone's
//   [limit.key."key_…"]             # besides the person's, and beside the key's own
//
// A key's own limits have the same names: `hone key create --limit requests_per_minute=60`.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "capture/limits.h"
#include "capture/prices.h"

namespace hone::cli {

// Problems are noted in the table.
[[nodiscard]] capture::Prices read_prices(TomlTable table);
[[nodiscard]] capture::LimitRules read_limits(TomlTable table, std::string currency);

// `limits` with changes as they are given on the command line: "requests_per_minute=60" sets one,
// "requests_per_minute=none" takes it away. kInvalid for what hone.toml would not take.
[[nodiscard]] Result<people::Allowance> change_limits(people::Allowance limits,
                                                      const std::vector<std::string>& changes);

}  // namespace hone::cli
