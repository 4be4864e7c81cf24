// Trains the run in a folder (docs/formats/run.md), from its last checkpoint if it has one. What
// goes wrong is in result.json too. One process at a time works on a folder, or the ranks that
// joined (ranks/join.h), all of which see the same folder, dataset and base model.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/ranks/mesh.h"
#include "engine/train/session.h"

namespace hone::engine {

// When `stop` becomes true, on any rank, the run ends after the current step with a checkpoint.
[[nodiscard]] Result<Ending> train_run(const std::string& run_folder, const std::atomic<bool>& stop,
                                       std::shared_ptr<Collective> ranks = alone());

}  // namespace hone::engine
