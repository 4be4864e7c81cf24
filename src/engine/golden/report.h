// A group's report in words for people, and as JSON for scripts.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/golden/group.h"

namespace hone::engine::golden {

inline constexpr std::size_t kShownFindings = 20;

struct Totals {
  std::int64_t cases = 0;
  std::int64_t failed = 0;
  std::vector<std::string> not_run;  // names of groups

  void add(const GroupReport& report);
};

[[nodiscard]] std::string heading();
// An aligned line, then up to `shown` findings below it.
[[nodiscard]] std::string to_text(const GroupReport& report, std::size_t shown);
[[nodiscard]] std::string to_text(const Totals& totals);
[[nodiscard]] json::object to_json(const GroupReport& report);

}  // namespace hone::engine::golden
