// Several adapters as one that changes the model by the weighted sum of their changes:
// sum_i w_i s_i B_i A_i. (Averaging the A's and the B's apart would give cross terms B_i A_j that
// nobody trained.) Used by `hone-engine average`.
//
//   auto report = average_adapters({.adapters = {"a", "b"}, .folder = "ab", .rank = 16});
//
// Without a rank the result is exact, up to fp32's rounding: of adapters with the same A's (and so
// the same rank) it has that rank, of others the sum of their ranks, the A's one above the other
// and the B's side by side, with weights and scales in the B's, so that r and alpha are the same
// everywhere. With a rank it is the nearest of that rank (Eckart and Young 1936), by singular value
// decomposition of each module's sum, and the report says how near.
//
// Adapters may differ in rank, scale and modules. They must be of one base: another number of
// layers or another shape is an error that names the module.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine {

struct AverageOptions {
  std::vector<std::string> adapters;  // PEFT folders, two or more
  std::vector<double> weights;        // one an adapter, as they are; none: 1/n each
  std::string folder;                 // to make
  std::int64_t rank = 0;              // of the result; 0: exact
  bool replace = false;
};

struct AverageReport {
  std::int64_t rank = 0;
  std::string method;         // "shared A", "concatenated" or "svd"
  double relative_error = 0;  // Frobenius norm of what is lost by that of the sum, all modules
  std::string worst_module;   // "model.layers.0.self_attn.q_proj"; empty where nothing is lost
  double worst_relative_error = 0;
  std::vector<std::string> notes;  // for people
};

// Writes `folder`, which appears whole or not at all. kConflict where it exists, unless `replace`.
[[nodiscard]] Result<AverageReport> average_adapters(const AverageOptions& options);

[[nodiscard]] json::object to_json(const AverageReport& report);

}  // namespace hone::engine
