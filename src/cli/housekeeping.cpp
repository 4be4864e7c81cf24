#include "cli/housekeeping.h"

#include <spdlog/spdlog.h>

#include "feedback/verdicts.h"
#include "loop/serving.h"
#include "release/registry.h"
#include "release/releases.h"

namespace hone::cli {
namespace {

constexpr std::chrono::milliseconds kPause(250);

}  // namespace

Housekeeping::~Housekeeping() {
  stop();
}

std::string Housekeeping::served_releases() const {
  const std::lock_guard lock(mutex_);
  return served_;
}

Result<void> Housekeeping::round() {
  if (auto done = take_over_changes(); !done) return done;
  if (deciding_) {
    if (auto done = decide(); !done) return done;
  }
  return flush();
}

Result<void> Housekeeping::decide() {
  auto decided = feedback::refresh(parts_.database, parts_.policy);
  if (!decided) return fail(decided.error());
  verdicts_ += *decided;
  auto moved = look_at_releases();
  if (!moved) return fail(moved.error());
  if (!*moved) return {};
  auto reloaded = parts_.routes.reload(parts_.database);
  if (!reloaded) return fail(reloaded.error());
  return {};
}

Result<void> Housekeeping::flush() {
  auto flushed = parts_.routes.flush_assignments(parts_.database, parts_.clock.now());
  if (!flushed) return fail(flushed.error());
  return {};
}

// Keys, consents, aliases and releases that somebody else wrote.
Result<void> Housekeeping::take_over_changes() {
  auto change = parts_.database.change_counter();
  if (!change) return fail(change.error());
  const std::int64_t generation = parts_.engine_generation ? parts_.engine_generation() : 0;
  if (*change == seen_change_ && generation == seen_generation_) return {};
  if (auto done = parts_.directory.reload(parts_.database); !done) return done;
  if (auto done = load_models(); !done) return done;
  auto reloaded = parts_.routes.reload(parts_.database);
  if (!reloaded) return fail(reloaded.error());
  seen_change_ = *change;
  seen_generation_ = generation;
  return {};
}

// Every model that a route may lead to is on its upstream before the route is there.
Result<void> Housekeeping::load_models() {
  auto aliases = release::list_aliases(parts_.database);
  if (!aliases) return fail(aliases.error());
  std::string served;
  for (const auto& alias : *aliases) {
    const std::string serving = parts_.serving(alias.upstream);
    if (serving.empty()) continue;
    std::vector<std::string> digests = {alias.model};
    auto running = release::running_release(parts_.database, alias.name);
    if (!running) return fail(running.error());
    if (*running) digests.insert(digests.end(), {(*running)->baseline, (*running)->candidate});
    for (const auto& digest : digests) {
      auto model = release::find_model(parts_.database, digest);
      if (!model) continue;  // an upstream's own name
      if (auto done = loop::ensure_served(serving, *model); !done) return done;
    }
    if (*running) served += (served.empty() ? "" : ",") + (*running)->id;
  }
  const std::lock_guard lock(mutex_);
  served_ = std::move(served);
  return {};
}

Result<bool> Housekeeping::look_at_releases() {
  auto releases = release::list_releases(parts_.database);
  if (!releases) return fail(releases.error());
  bool moved = false;
  for (const auto& release : *releases) {
    if (!release.running()) continue;
    auto seen = release::look(parts_.database, release.id, parts_.clock.now());
    if (!seen) return fail(seen.error());
    if (seen->happened.empty() || seen->happened == "look") continue;
    moved = true;
    spdlog::info("release {} {}: {} (share {})", release.id, seen->happened, seen->reason,
                 seen->share);
  }
  return moved;
}

void Housekeeping::start() {
  thread_ = std::thread(&Housekeeping::run, this);
}

void Housekeeping::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Housekeeping::run() {
  std::string last_problem;
  while (true) {
    if (auto done = round(); !done) {
      ++failures_;
      // Said once, until it is another: a locked database would fill the log.
      if (done.error().message != last_problem) spdlog::warn("{}", done.error().message);
      last_problem = done.error().message;
    } else {
      last_problem.clear();
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPause, [this] { return stopping_; })) break;
  }
  if (auto done = flush(); !done) spdlog::warn("the last assignments: {}", done.error().message);
}

}  // namespace hone::cli
