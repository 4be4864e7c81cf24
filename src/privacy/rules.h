// The rules that a literal triggers: Vectorscan finds all literals in one pass, and a function
// reads outwards from there and decides. A trigger needs no bounds of its own; the function looks
// at them. What has no literal to find is in structure.h. Used inside this folder only.
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
  std::string literal;  // what triggers it
  bool caseless = false;
  // Called with where the literal begins.
  std::function<std::optional<Finding>(std::string_view text, std::size_t at)> find;
};

[[nodiscard]] const std::vector<Rule>& rules();

// Grows with every change of what the functions find, so that what was redacted before is read
// anew.
constexpr int kRulesVersion = 2;

}  // namespace hone::privacy
