#include "cli/elders.h"

#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 500ms;       // for one that has ended
constexpr auto kAfterTrouble = 5s;  // as a locked database
constexpr auto kGrowOld = 30min;    // between looks at what is kept

}  // namespace

Elders::Elders(Workspace& workspace, store::Database& database, std::string own,
               std::function<void()> taken_over)
    : workspace_(workspace),
      database_(database),
      own_(std::move(own)),
      taken_over_(std::move(taken_over)) {}

Elders::~Elders() {
  stop();
}

void Elders::start() {
  HONE_ASSERT(!thread_.joinable());
  stopping_ = false;
  due_.clear();
  thread_ = std::thread(&Elders::run, this);
}

void Elders::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Elders::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Elders::run() {
  name_this_thread("hone-elders");
  set_rank(Rank::kIndex);
  while (true) {
    visit_all();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kLook, [this] { return stopping_; })) return;
  }
}

void Elders::visit_all() {
  const auto names = posix_files().list(workspace_.folder("outbox"));
  if (!names) return;
  for (const auto& name : *names) {
    if (!is_servers_journal(name) || name == own_ || stopping()) continue;
    if (const auto due = due_.find(name); due != due_.end() && Steady::now() < due->second)
      continue;
    if (is_held(workspace_, name)) continue;  // it still ends what it began
    const auto visited = visit(name);
    due_[name] = Steady::now() + (visited ? Steady::duration(kGrowOld) : kAfterTrouble);
    if (!visited) spdlog::warn("outbox {}: {}; trying again", name, visited.error().message);
  }
}

Result<void> Elders::visit(const std::string& name) {
  auto journal =
      open_journal(workspace_, name, database_, outbox_options(workspace_.settings().capture));
  if (!journal) return fail(journal.error());
  const auto indexed = index(*journal);
  cut_off_ += journal->indexer->status().cut_off;
  if (!indexed) return fail(indexed.error());
  taken_over_();
  if (*indexed > 0 || !due_.contains(name)) {
    spdlog::info("took over the journal '{}' of an earlier server, with {} records to bring in",
                 name, *indexed);
  }
  const bool untold = !journal->in_flight->left().empty();
  const bool kept = stopping() || untold || journal->outbox->status().segments > 1;
  if (!kept) {
    if (auto forgotten = journal->indexer->forget(); !forgotten) return forgotten;
  }
  if (auto closed = journal->outbox->close(); !closed) return closed;
  std::error_code ignored;
  if (!kept) std::filesystem::remove_all(workspace_.folder("outbox/" + name), ignored);
  return {};
}

// As Indexer::run_until_idle, but that it can be stopped in between.
Result<std::int64_t> Elders::index(Journal& journal) {
  std::int64_t total = 0;
  while (!stopping()) {
    const auto records = journal.indexer->run_once();
    if (!records) return fail(records.error());
    if (*records == 0) break;
    total += *records;
  }
  return total;
}

}  // namespace hone::cli
