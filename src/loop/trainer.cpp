#include "loop/trainer.h"

#include "base/file.h"
#include "net/process.h"

namespace hone::loop {
namespace {

std::string last_lines(const std::string& path) {
  auto text = read_file(posix_files(), path);
  if (!text) return "";
  while (text->ends_with('\n')) text->pop_back();
  std::size_t from = text->size();
  for (int lines = 0; lines < 3 && from > 0; ++lines) {
    const auto newline = text->rfind('\n', from - 1);
    from = newline == std::string::npos ? 0 : newline;
  }
  return text->substr(from);
}

// Tells of the steps after the `seen` first ones; returns how many there are now.
std::size_t tell_new_steps(const std::string& run_folder, std::size_t seen,
                           const WatchTraining& watch) {
  const auto steps = curate::read_progress(run_folder);
  if (!steps) return seen;  // not written yet
  for (std::size_t i = seen; i < steps->size(); ++i) watch((*steps)[i]);
  return std::max(seen, steps->size());
}

}  // namespace

Result<void> run_trainer(const Trainer& trainer, const std::string& run_folder,
                         const WatchTraining& watch) {
  net::ProcessOptions options{.argv = trainer.command, .log_file = run_folder + "/trainer.log"};
  options.argv.push_back(run_folder);
  auto process = net::Process::spawn(options);
  if (!process) return fail(process.error().with("the trainer does not start"));
  const auto began = std::chrono::steady_clock::now();
  std::size_t seen = 0;
  while (true) {
    const auto ended = process->wait_for(std::chrono::milliseconds(200));
    seen = tell_new_steps(run_folder, seen, watch);
    if (ended && ended->code == 0) return {};
    if (ended) {
      return fail(ErrorCode::kInternal, "the trainer ended with status " +
                                            std::to_string(ended->code) + ":" +
                                            last_lines(options.log_file));
    }
    if (std::chrono::steady_clock::now() - began > trainer.limit) {
      process->terminate(std::chrono::seconds(30));
      return fail(ErrorCode::kTimeout, "the trainer took longer than " +
                                           std::to_string(trainer.limit.count()) +
                                           " s; start it again to go on from its last checkpoint");
    }
  }
}

}  // namespace hone::loop
