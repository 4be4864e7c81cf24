// Datasets: immutable snapshots of examples made from verdicts and interactions under a recipe,
// named by their digest (docs/formats/dataset.md). The same store, recipe and seed give the same
// digest, whatever the order of rows. Verdicts must be fresh: feedback::refresh first.
//
//   auto dataset = build_dataset(db, recipe, data_folder + "/datasets", clock);
//   if (!dataset) …its message says how many interactions were left out, and why…
//
// Blocking; from a worker thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "curate/recipe.h"

namespace hone::store {
class Database;
}

namespace hone::curate {

using Counts = std::map<std::string, std::int64_t>;

struct Dataset {
  std::string digest;
  std::string name;
  std::string folder;  // holds manifest.json, train.jsonl, held_out.jsonl, lineage.jsonl
  std::int64_t seed = 0;
  std::int64_t examples = 0;             // both splits
  std::map<std::string, Counts> counts;  // split -> kind -> examples
  Counts left_out;                       // reason -> interactions
  Counts people;                         // split -> people
  Time created_at{};

  [[nodiscard]] std::string train_file() const { return folder + "/train.jsonl"; }
  [[nodiscard]] std::string held_out_file() const { return folder + "/held_out.jsonl"; }
};

// Makes the folder root/DIGEST12 and the rows in `dataset` and `dataset_example`; where that
// dataset is there already, it is returned as it is. kInvalid, with the counts of what was left
// out, where nothing would be in it to train on. `root` should be absolute: the table keeps it.
[[nodiscard]] Result<Dataset> build_dataset(store::Database& database, const Recipe& recipe,
                                            const std::string& root, Clock& clock);

[[nodiscard]] Result<std::vector<Dataset>> list_datasets(
    store::Database& database);  // newest first

// By digest, or by any beginning of one that fits no other dataset (kNotFound, kConflict).
[[nodiscard]] Result<Dataset> find_dataset(store::Database& database, std::string_view digest);

[[nodiscard]] json::object to_json(const Counts& counts);
// For answers and tables: everything above.
[[nodiscard]] json::object to_json(const Dataset& dataset);

// Writes the training examples of one kind as JSON lines in the form that trainers read
// (docs/formats/run.md). Returns how many; kNotFound where there are none.
[[nodiscard]] Result<std::int64_t> export_examples(const Dataset& dataset, std::string_view kind,
                                                   const std::string& path);

}  // namespace hone::curate
