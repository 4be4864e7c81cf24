#include "engine/train/train.h"

#include <exception>

#include "base/file.h"
#include "base/log.h"
#include "engine/train/methods.h"
#include "engine/train/progress.h"

namespace hone::engine {
namespace {

Result<Ending> run_method(const std::string& run_folder, const std::atomic<bool>& stop,
                          const std::shared_ptr<Collective>& ranks) {
  auto session = Session::open(run_folder, stop, ranks);
  if (!session) return fail(session.error());
  switch ((*session)->spec().method) {
    case Method::kSft:
      return train_sft(**session);
    case Method::kDpo:
      return train_dpo(**session);
    case Method::kKto:
      return train_kto(**session);
    case Method::kOrpo:
      return train_orpo(**session);
    case Method::kSimpo:
      return train_simpo(**session);
    case Method::kReward:
      return train_reward(**session);
    case Method::kGrpo:
      return train_grpo(**session);
  }
  return Ending::kDone;
}

// libtorch throws where memory is short or an operator refuses its input.
Result<Ending> run_method_safely(const std::string& run_folder, const std::atomic<bool>& stop,
                                 const std::shared_ptr<Collective>& ranks) {
  try {
    return run_method(run_folder, stop, ranks);
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, error.what());
  }
}

// Rank 0 holds the folder for all; the others begin when it does.
Result<std::unique_ptr<FileLock>> hold(const std::string& run_folder, Collective& ranks) {
  std::unique_ptr<FileLock> held;
  if (ranks.rank() == 0) {
    auto lock = posix_files().lock(run_folder + "/.lock");
    if (!lock) return fail(lock.error().with("another trainer may be at work"));
    held = std::move(*lock);
  }
  if (auto together = ranks.barrier(); !together) return fail(together.error());
  return held;
}

}  // namespace

Result<Ending> train_run(const std::string& run_folder, const std::atomic<bool>& stop,
                         std::shared_ptr<Collective> ranks) {
  auto held = hold(run_folder, *ranks);
  if (!held) {
    ranks->give_up(held.error().message);
    return fail(held.error());
  }
  if (is_done(run_folder)) {
    spdlog::info("{} is done already; a new training needs a new folder", run_folder);
    return Ending::kDone;
  }
  auto ending = run_method_safely(run_folder, stop, ranks);
  if (ending) return ending;
  if (ranks->rank() == 0) {
    const json::object result = {{"state", "failed"}, {"error", ending.error().message}};
    if (auto written = write_result(run_folder, result); !written)
      spdlog::error("result.json could not be written: {}", written.error().message);
  }
  ranks->give_up(ending.error().message);
  return ending;
}

}  // namespace hone::engine
