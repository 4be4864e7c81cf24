// What a dataset is, for whoever is to trust it: a card, and how two differ. Read from the folder
// in single passes; of examples only those that are shown are held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"

namespace hone::curate {

struct CardOptions {
  std::int64_t seed = 1;      // of the examples that are shown
  std::size_t examples = 10;  // of the training examples
  std::stop_token stop = {};  // gives up with kUnavailable
};

// docs/formats/dataset.md, "Card", lists the fields.
[[nodiscard]] Result<json::object> make_card(const Dataset& dataset, const CardOptions& options);

// What became of examples and interactions from `a` to `b`.
[[nodiscard]] Result<json::object> diff_datasets(const Dataset& a, const Dataset& b);

}  // namespace hone::curate
