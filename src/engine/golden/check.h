// A whole golden folder, group by group, as `hone-engine check-golden` prints it
// (docs/formats/engine.md).
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "engine/golden/groups.h"

namespace hone::engine::golden {

struct CheckOptions {
  Place place;
  std::vector<std::string> only;  // groups; empty: all
  bool json = false;              // an object a group instead of lines for people
  bool all = false;               // every finding instead of the first 20 of a group
};

// In the order in which they run.
[[nodiscard]] const std::vector<std::string>& group_names();

// Writes each group as soon as it is done. True: some case ran, and none failed.
[[nodiscard]] bool check_golden(const CheckOptions& options, std::ostream& out);

}  // namespace hone::engine::golden
