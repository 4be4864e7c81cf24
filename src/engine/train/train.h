// Trains the run in a folder (docs/formats/run.md), from its last checkpoint if it has one. What
// goes wrong is in result.json too. One process at a time works on a folder.
#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "engine/train/session.h"

namespace hone::engine {

// When `stop` becomes true, the run ends after the current step with a checkpoint.
[[nodiscard]] Result<Ending> train_run(const std::string& run_folder,
                                       const std::atomic<bool>& stop);

}  // namespace hone::engine
