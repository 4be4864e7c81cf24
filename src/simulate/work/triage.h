// Triage of complaints: which part of the product is this about? The house wants the bare name of
// the part; anything short that names it, and no other, will do. An untrained model sometimes
// manages.
#pragma once

#include "simulate/work/task.h"

namespace hone::simulate {

[[nodiscard]] Task triage_task(std::uint64_t number);
// House: one line of at most 10 words that names the part and no other. Reversed: a sentence of at
// least 6 words that names it.
[[nodiscard]] bool triage_fits(const Task& task, std::string_view answer, Taste taste);

[[nodiscard]] constexpr Domain triage_domain() {
  return {"triage", 25'600, triage_task, triage_fits};
}

}  // namespace hone::simulate
