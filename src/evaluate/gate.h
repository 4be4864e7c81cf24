// What a model must show before it may serve: the candidate beside the baseline on people and
// prompts that neither was trained on (docs/formats/evaluation.md has each check with its reason
// and threshold). Missing or too little evidence refuses.
//
//   auto result = run_gate(scorer, {"base", "hone-12ab…"}, dataset.held_out_file(), recipe.gate);
//   save_evaluation(db, ids, clock, {candidate, baseline, dataset.digest}, *result);
//
// Blocking; from a worker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/result.h"
#include "curate/recipe.h"
#include "evaluate/scorer.h"

namespace hone::store {
class Database;
}

namespace hone::evaluate {

struct Check {
  std::string name;  // "evidence", "likelihood", "preference", "relevance", "similarity", …
  bool passed = false;
  double value = 0;  // candidate less baseline, where the check compares
  double low = 0;    // 95% interval clustered by person
  double high = 0;
  double threshold = 0;
  std::int64_t count = 0;  // examples
  std::int64_t people = 0;
  std::string note;  // what it means, and why it failed
};

struct GateResult {
  bool passed = false;
  std::vector<Check> checks;
  [[nodiscard]] std::string reason() const;  // the failed checks' notes, or "all checks passed"
};

struct GateModels {
  std::string baseline;  // as the upstream serves them
  std::string candidate;
};

// Says what is being done: a step's name, and how far.
using GateProgress = std::function<void(std::string_view step, std::size_t done, std::size_t all)>;

// `recipe.seed` draws the mismatched pairs and, where there are more than the gate needs, the
// examples.
[[nodiscard]] Result<GateResult> run_gate(const Scorer& scorer, const GateModels& models,
                                          const std::string& held_out_file,
                                          const curate::GateRecipe& recipe,
                                          const GateProgress& progress = {});

// Table `evaluation`. Digests from the registry.
struct Evaluated {
  std::string model;
  std::string baseline;
  std::string dataset_digest;
};

struct Evaluation {
  std::string id;
  Evaluated of;
  GateResult result;
  Time created_at{};
};

[[nodiscard]] Result<Evaluation> save_evaluation(store::Database& database, IdSource& ids,
                                                 Clock& clock, const Evaluated& of,
                                                 const GateResult& result);
[[nodiscard]] Result<std::vector<Evaluation>> list_evaluations(store::Database& database);
// The newest of exactly these two models, passed or not; nothing where there is none.
[[nodiscard]] Result<std::optional<Evaluation>> find_evaluation(store::Database& database,
                                                                std::string_view model,
                                                                std::string_view baseline);

[[nodiscard]] json::object to_json(const GateResult& result);
[[nodiscard]] json::object to_json(const Evaluation& evaluation);

}  // namespace hone::evaluate
