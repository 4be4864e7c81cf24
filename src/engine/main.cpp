// hone-engine: imports, trains, scores, serves and exports Llama models. Each command is a file in
// commands/.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/log.h"
#include "engine/commands/commands.h"

namespace {

// OpenMP's threads spin while they wait, unless told otherwise before its library loads. The engine
// shares its cores with a gateway and other engines, where spinning halves everyone's speed, so the
// process starts itself again with the setting. Whoever sets OMP_WAIT_POLICY keeps his choice.
void start_again_with_passive_threads(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe",
          argv);  // returns only where it failed; then slower is better than not at all
}

}  // namespace

int main(int argc, char** argv) {
  start_again_with_passive_threads(argv);
  hone::start_log("hone-engine");
  CLI::App app{"Imports, trains, scores and serves Llama models.", "hone-engine"};
  app.require_subcommand(1);
  hone::engine::Run chosen;
  hone::engine::add_import(app, chosen);
  hone::engine::add_tokenize(app, chosen);
  hone::engine::add_serve(app, chosen);
  hone::engine::add_train(app, chosen);
  hone::engine::add_score(app, chosen);
  hone::engine::add_loss(app, chosen);
  hone::engine::add_grad(app, chosen);
  hone::engine::add_render(app, chosen);
  hone::engine::add_check_golden(app, chosen);
  hone::engine::add_merge(app, chosen);
  hone::engine::add_average(app, chosen);
  hone::engine::add_export(app, chosen);
  hone::engine::add_verify(app, chosen);
  hone::engine::add_sample(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return chosen();
}
