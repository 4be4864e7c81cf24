// How ranks find each other. A launcher (torchrun, or a script) starts the processes with
// torchrun's environment variables; they meet at c10d's TCPStore at MASTER_ADDR:MASTER_PORT, which
// torchrun's agent runs, or rank 0 where no agent does; there each leaves the address where it
// listens, and all connect with all. Who does not know the store's token is not let in.
//
//   auto place = place_from_environment();
//   auto ranks = join(*place);      // a world of one where nothing says otherwise
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/ranks/collective.h"

namespace hone::engine {

struct Place {
  int rank = 0;
  int world = 1;
  int local_rank = 0;  // among the ranks of this machine: which GPU would be its
  std::string master_address;
  std::uint16_t master_port = 0;
  bool agent_has_store = false;  // a launcher's agent runs the store
  int attempt = 0;               // an agent's store outlives a restart of the ranks
  std::chrono::milliseconds timeout{std::chrono::minutes(30)};  // of an exchange
};

using Environment = std::function<const char*(const char*)>;  // as std::getenv

// From RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE and
// TORCHELASTIC_RESTART_COUNT, and HONE_RANKS_TIMEOUT (seconds). Without WORLD_SIZE, or with 1, a
// world of one. A variable that is missing or wrong is an error that names it.
[[nodiscard]] Result<Place> place_from_environment(
    const Environment& get = [](const char* name) -> const char* { return std::getenv(name); });

// Returns when all are there; kTimeout, kUnavailable or kIo where they do not come within five
// minutes (or `timeout`, where that is less).
[[nodiscard]] Result<std::shared_ptr<Collective>> join(const Place& place);

}  // namespace hone::engine
