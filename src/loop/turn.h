// One turn of the loop: what people did becomes verdicts, verdicts a dataset, the dataset a model,
// and the model, if it passes its gate, a release to a first share of people. The canary's growth
// or fall is then decided by what people do next (release/releases.h), not here.
//
//   auto turn = loop::turn(shop, recipe, [](const Step& step) { … });
//   if (turn->stopped_by == "gate") …turn->gate says why…
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "curate/dataset.h"
#include "curate/recipe.h"
#include "curate/run.h"
#include "evaluate/gate.h"
#include "feedback/policy.h"
#include "loop/trainer.h"
#include "store/database.h"

namespace hone::loop {

// What a turn works with.
struct Shop {
  store::Database& database;
  Clock& clock;
  IdSource& ids;
  const feedback::Policy& policy;
  std::string data;  // folder: datasets/, runs/
  Trainer trainer;
  std::string serving;  // URL of the server that scores and serves: hone-engine, or any like it
  // Called between dataset and training with the run's folder; for experiments on the loop itself.
  std::function<Result<void>(const std::string& run_folder)> before_training;
};

// What is happening, for whoever watches. `name`: verdicts, dataset, train, gate, release.
struct Step {
  std::string name;
  std::string message;
  std::optional<curate::Progress> progress;  // of training
};
using Watch = std::function<void(const Step&)>;

struct Turn {
  std::int64_t verdicts = 0;  // decided in this turn
  curate::Dataset dataset;
  curate::RunResult training;
  std::string run;
  std::string baseline;   // digest of what the alias serves now
  std::string candidate;  // digest of what was trained
  evaluate::GateResult gate;
  std::string evaluation;
  std::string release;     // id; empty where the gate stopped it
  std::string stopped_by;  // "", "gate"
};

[[nodiscard]] Result<Turn> turn(const Shop& shop, const curate::Recipe& recipe, const Watch& watch);

}  // namespace hone::loop
