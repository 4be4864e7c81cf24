// Training runs: the folder that `hone` and any trainer share (docs/formats/run.md) and its row in
// table `run`. This side writes run.toml and the examples and reads back what the trainer wrote;
// starting and watching the trainer is the loop's work, and the registry takes the adapter in.
//
//   auto run = prepare_run(db, recipe, dataset, {digest, folder}, data + "/runs", ids, clock);
//   … hone-engine train run->folder …
//   auto result = finish_run(db, run->id, clock);
//
// Blocking; from a worker thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"
#include "curate/recipe.h"

namespace hone::curate {

struct BaseModel {
  std::string digest;
  std::string folder;  // Hugging Face layout
};

struct Run {
  std::string id;
  std::string recipe;  // text
  std::string dataset_digest;
  std::string base_model;  // digest
  std::string method;
  std::int64_t seed = 0;
  std::string folder;
  std::string state;   // running, done, failed
  std::string result;  // RunResult as JSON, or empty
  Time started_at{};
  std::optional<Time> finished_at;
};

// One line of progress.jsonl.
struct Progress {
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double loss = 0;
  double learning_rate = 0;
  double grad_norm = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
};

struct RunResult {
  std::string state = {};  // done, failed
  std::string error = {};
  std::int64_t steps = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
  double loss_first = 0;
  double loss_last = 0;
  std::string output = {};  // absolute folder of the adapter or model; empty where it failed
};

// kInvalid where the dataset has no examples of the kind that the method learns from.
[[nodiscard]] Result<Run> prepare_run(store::Database& database, const Recipe& recipe,
                                      const Dataset& dataset, const BaseModel& base_model,
                                      const std::string& root, IdSource& ids, Clock& clock);

[[nodiscard]] Result<Run> find_run(store::Database& database, std::string_view id);
[[nodiscard]] Result<std::vector<Run>> list_runs(store::Database& database);  // newest first

// Empty before the first step. A line that is still being written is not read.
[[nodiscard]] Result<std::vector<Progress>> read_progress(const std::string& run_folder);

// What result.json says; a failed run where there is none.
[[nodiscard]] Result<RunResult> read_result(const std::string& run_folder);

// Reads the result, once the trainer has ended, into the row. A trainer that left none (killed,
// crashed) has failed, and may be started again on the same folder.
[[nodiscard]] Result<RunResult> finish_run(store::Database& database, std::string_view id,
                                           Clock& clock);

// Names a model or adapter by its files: SHA-256 over the sorted relative paths and the digests of
// their contents, in hex.
[[nodiscard]] Result<std::string> digest_folder(const std::string& folder);

[[nodiscard]] json::object to_json(const Run& run);
[[nodiscard]] json::object to_json(const Progress& progress);

}  // namespace hone::curate
