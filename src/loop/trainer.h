// Runs a trainer on a run folder and watches it: `hone-engine train RUN`, or any program that keeps
// the contract of docs/formats/run.md. The trainer is a child process; it dies with us, and a later
// call on the same folder goes on from its last checkpoint.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "curate/run.h"

namespace hone::loop {

struct Trainer {
  std::vector<std::string> command;  // the run folder is added: {"hone-engine", "train"}
  std::chrono::seconds limit{24 * 3600};
};

using WatchTraining = std::function<void(const curate::Progress&)>;

// Blocks until the trainer has ended; `watch` sees every step. What the trainer itself says goes to
// RUN/trainer.log, whose end is part of the error where it failed.
[[nodiscard]] Result<void> run_trainer(const Trainer& trainer, const std::string& run_folder,
                                       const WatchTraining& watch);

}  // namespace hone::loop
