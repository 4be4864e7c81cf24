// The rules in force: each has a short trigger pattern, for Vectorscan to find in one pass with all
// others, and a function that reads outwards from there and decides. A trigger needs no bounds of
// its own; the function looks at them. Used inside this folder only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/finding.h"

namespace hone::privacy {

struct Rule {
  std::string name;     // for the policy's digest and messages
  std::string trigger;  // Vectorscan's PCRE subset, on bytes
  bool caseless = false;
  // Called with where the trigger's match ends.
  std::function<std::optional<Finding>(std::string_view text, std::size_t end)> find;
};

[[nodiscard]] const std::vector<Rule>& rules();

// Grows with every change of what the functions find, so that what was redacted before is read
// anew.
constexpr int kRulesVersion = 1;

}  // namespace hone::privacy
