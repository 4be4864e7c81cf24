// Checkpoints of a run, RUN/checkpoints/step-N/: the adapter in PEFT's layout (or the whole model),
// the optimizer's moments, and state.json with where the run stood and a SHA-256 of every file. A
// checkpoint appears whole or not at all: it is written beside, synced, and renamed. The last two
// are kept. No stream of chance outlives a step (see plan.h), so that a resumed run ends with the
// weights, bit by bit, that an uninterrupted one has on the same machine with the same numbers of
// threads and ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/ranks/collective.h"
#include "engine/train/divergence.h"
#include "engine/train/optimizer.h"
#include "engine/train/policy.h"

namespace hone::engine {

struct TrainState {
  std::int64_t step = 0;  // steps done, which is also the next one, and so the data cursor
  std::int64_t tokens = 0;
  double seconds = 0;
  double loss_first = 0;
  double loss_last = 0;
  LossWatch losses;
  std::string inputs;  // digest of run.toml and the dataset
};

// All ranks call it, rank 0 writes, and all return when it has. Where it fails (a full disk), what
// was begun is removed, and the checkpoints before stay as they were.
[[nodiscard]] Result<void> save_checkpoint(const std::string& run_folder, const Policy& policy,
                                           AdamW& optimizer, const TrainState& state,
                                           const std::string& base_model, Collective& ranks);

// Reads the newest whole checkpoint into the optimizer and its parameters. A damaged one is passed
// over with a warning. Nothing where there is none; kConflict where it belongs to other `inputs`.
// One that another number of ranks (`world`) made is used, with a warning: sums are then added in
// another order.
[[nodiscard]] Result<std::optional<TrainState>> load_checkpoint(const std::string& run_folder,
                                                                AdamW& optimizer,
                                                                const std::string& inputs,
                                                                int world);

// Writes the adapter (or the model, in `dtype`) to `folder`, which is replaced whole or not at all.
[[nodiscard]] Result<void> write_model(const std::string& folder, const Policy& policy,
                                       at::ScalarType dtype, const std::string& base_model);

}  // namespace hone::engine
