#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <memory>

#include "engine/commands/commands.h"
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
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  const auto ending = train_run(run_folder, stop_asked);
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
  command->footer("Exit code 75: stopped by SIGTERM or SIGINT, with a checkpoint.");
  command->callback(
      [run_folder, &chosen] { chosen = [run_folder] { return train(*run_folder); }; });
}

}  // namespace hone::engine
