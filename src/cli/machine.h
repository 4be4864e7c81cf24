// What the machine has for a server.
#pragma once

#include <cstddef>

namespace hone::cli {

// At least 2, at most 32.
[[nodiscard]] int processors();

// As many as the system lets us have files for: each client may need a connection to an upstream
// too. Raises the limit as far as it may.
[[nodiscard]] std::size_t connections_allowed();

}  // namespace hone::cli
