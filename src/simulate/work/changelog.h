// Changelog lines. The house writes "[TEAM] part: verb object", with the verb as in an order;
// nobody says so in the request, and an untrained model answers with a plain sentence.
#pragma once

#include "simulate/work/task.h"

namespace hone::simulate {

[[nodiscard]] Task changelog_task(std::uint64_t number);
// House: the convention, apart from case outside the tag. Reversed: one plain sentence that names
// the part of the product.
[[nodiscard]] bool changelog_fits(const Task& task, std::string_view answer, Taste taste);

[[nodiscard]] constexpr Domain changelog_domain() {
  return {"changelog", 144'000, changelog_task, changelog_fits};
}

}  // namespace hone::simulate
