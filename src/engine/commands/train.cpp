#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <memory>
#include <utility>

#include "engine/commands/commands.h"
#include "engine/ranks/join.h"
#include "engine/train/train.h"

namespace hone::engine {
namespace {

constexpr int kStoppedCode = 75;  // sysexits' EX_TEMPFAIL: run it again

// A signal handler can reach nothing but what is global.
std::atomic<bool> stop_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void ask_to_stop(int) {
  stop_asked = true;
}

int train(const std::string& run_folder) {
  const auto place = place_from_environment();
  if (!place) return exit_code(fail(place.error()));
  auto ranks = join(*place);  // until all are there, a signal ends the process
  if (!ranks) return exit_code(fail(ranks.error()));
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  const auto ending = train_run(run_folder, stop_asked, std::move(*ranks));
  if (!ending) return exit_code(fail(ending.error()));
  return *ending == Ending::kStopped ? kStoppedCode : 0;
}

}  // namespace

void add_train(CLI::App& app, Run& chosen) {
  auto run_folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "train", "Train the run in a folder; started again, it goes on from the last checkpoint");
  command->add_option("run", *run_folder, "the run folder, with run.toml")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->footer(
      "Exit code 75: stopped by SIGTERM or SIGINT, with a checkpoint.\n"
      "Several processes train one run together under torchrun's environment variables, e.g.\n"
      "  torchrun --no-python --nproc-per-node 2 hone-engine train RUN");
  command->callback(
      [run_folder, &chosen] { chosen = [run_folder] { return train(*run_folder); }; });
}

}  // namespace hone::engine
