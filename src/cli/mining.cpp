#include "cli/mining.h"

#include <chrono>

#include "base/log.h"
#include "base/thread.h"
#include "feedback/ci_outcome.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kBatch = 200;
constexpr std::int64_t kIndexFirst = 1'000;  // records that are not in the database yet
constexpr auto kPause = 1s;                  // where nothing is due
constexpr auto kBreath = 20ms;               // between batches
constexpr auto kAfterTrouble = 5s;
constexpr auto kSpreads = 10s;  // outcomes of commits: CI takes minutes

}  // namespace

Result<void> append_all(store::Outbox& outbox, const std::vector<store::OutboxRecord>& records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool last = i + 1 == records.size();
    const auto appended = last ? outbox.append_and_wait(records[i]) : outbox.append(records[i]);
    if (!appended) return fail(appended.error());
  }
  return {};
}

Mining::~Mining() {
  stop();
}

void Mining::start() {
  HONE_ASSERT(!thread_.joinable());
  thread_ = std::thread(&Mining::run, this);
}

void Mining::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<bool> Mining::mine() {
  if (indexer_.status().lag_records > kIndexFirst) return false;
  const auto report = miner_.mine_batch(
      [this](const std::vector<store::OutboxRecord>& records) {
        return append_all(outbox_, records);
      },
      kBatch);
  if (!report) return fail(report.error());
  signals_ += report->signals;
  unreadable_ += report->unreadable;
  return report->interactions == kBatch;
}

Result<void> Mining::spread() {
  const auto now = std::chrono::steady_clock::now();
  if (now < spread_at_ + kSpreads || indexer_.status().lag_records > kIndexFirst) return {};
  spread_at_ = now;
  const auto spread = feedback::spread_outcomes(
      database_, clock_.now(), [this](const std::vector<store::OutboxRecord>& records) {
        return append_all(outbox_, records);
      });
  if (!spread) return fail(spread.error());
  outcomes_ += *spread;
  return {};
}

void Mining::run() {
  name_this_thread("hone-mining");
  set_rank(Rank::kIndex);
  std::string last_problem;
  while (true) {
    auto more = mine();
    if (const auto done = spread(); !done) more = fail(done.error());
    std::chrono::milliseconds pause = kAfterTrouble;
    if (more) {
      pause = *more ? std::chrono::milliseconds(kBreath) : std::chrono::milliseconds(kPause);
      last_problem.clear();
    } else {
      ++failures_;
      // Said once, until it is another: a locked database would fill the log.
      if (more.error().message != last_problem) spdlog::warn("mining: {}", more.error().message);
      last_problem = more.error().message;
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

}  // namespace hone::cli
