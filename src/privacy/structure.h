// What is known by its structure and not by a literal: addresses and numbers. One pass over the
// bytes stops at the few that can begin something ("@", ":", "-", a digit); Vectorscan would stop
// there as often and cost more. Used inside this folder only.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "privacy/deadline.h"
#include "privacy/finding.h"

namespace hone::privacy {

struct Structures {
  std::vector<Finding> findings;
  std::vector<std::size_t> percents;  // of "%XX"
  std::vector<std::size_t> escapes;   // of "\/" and "\u00XX"
};

[[nodiscard]] Result<Structures> find_structures(std::string_view text, const Deadline& deadline);

}  // namespace hone::privacy
