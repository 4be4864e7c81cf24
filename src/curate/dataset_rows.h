// A dataset in the tables `dataset` and `dataset_example` (docs/formats/database.md). Writing what
// is there already changes nothing but the folder; call it in a transaction.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"
#include "store/database.h"

namespace hone::curate {

// Numbers by name, as rows and manifests have them; what is no number is passed over.
[[nodiscard]] Counts read_counts(const json::object& object, std::string_view name);
// The counts of both splits, from an object that has them by the splits' names.
void read_split_counts(const json::object& counts, Dataset& dataset);

[[nodiscard]] Result<void> write_dataset_row(store::Database& database, const Dataset& dataset,
                                             std::string_view recipe_text);

// Many rows a statement: a server is asked some thousand times for a million examples.
class ExampleRows {
 public:
  struct Row {
    std::string_view example;
    std::string_view kind;
    std::string_view split;
    std::string_view interaction;
    std::string_view person;
  };
  // `digest` outlives it.
  ExampleRows(store::Database& database, const std::string& digest)
      : database_(database), digest_(digest) {}

  [[nodiscard]] Result<void> add(const Row& row);
  [[nodiscard]] Result<void> flush();

 private:
  store::Database& database_;
  const std::string& digest_;
  std::string sql_;
  store::Params params_;
  std::size_t rows_ = 0;
};

}  // namespace hone::curate
