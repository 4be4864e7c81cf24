// What the demo does wrong on purpose, to show who notices.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace hone::cli::demo {

// Gives every example of a training file another example's answer. The form of the answers stays,
// their content no longer fits: a gate that only looks at form would let it pass.
[[nodiscard]] Result<void> shuffle_answers(const std::string& train_file, std::uint64_t seed);

}  // namespace hone::cli::demo
