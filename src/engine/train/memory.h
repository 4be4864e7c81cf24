// What a run needs of memory and what the machine has.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

#include "engine/model/config.h"

namespace hone::engine {

// The most that this process has held at a time, in MB (10^6 bytes).
[[nodiscard]] double peak_memory_mb();

// What this process may still take: the machine's MemAvailable, or what its cgroup (version 2)
// leaves, if that is less. 0 where neither can be read.
[[nodiscard]] std::uint64_t available_memory_bytes();

// What the layers keep of a forward pass over so many rows for the backward pass, where nothing is
// computed again.
[[nodiscard]] std::uint64_t kept_bytes(const LlamaConfig& config, std::int64_t rows,
                                       at::ScalarType compute);

}  // namespace hone::engine
