// What the server does between requests, on one thread, a few times a second: it notices what
// commands and other servers wrote, brings verdicts up to date, looks at running releases, and
// keeps routes in memory. A model is loaded and verified on its upstream before a route leads to
// it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/policy.h"
#include "people/directory.h"
#include "release/routes.h"
#include "store/database.h"

namespace hone::cli {

struct HousekeepingParts {
  Clock& clock;
  store::Database& database;  // a connection of its own
  people::Directory& directory;
  release::Routes& routes;
  const feedback::Policy& policy;
  // URL of an upstream by name; empty for one that loads no models of ours.
  std::function<std::string(const std::string& upstream)> serving;
  std::function<std::int64_t()> engine_generation;
};

class Housekeeping {
 public:
  explicit Housekeeping(HousekeepingParts parts) : parts_(std::move(parts)) {}
  ~Housekeeping();  // stop()
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  // One round. The first must succeed before the server takes requests.
  [[nodiscard]] Result<void> round();
  void start();
  void stop();  // with what was assigned since the last round written down
  // Verdicts and releases are another server's from here on, which has taken this one's place;
  // changes are still noticed, and assignments written. From any thread.
  void stop_deciding() { deciding_ = false; }

  [[nodiscard]] std::int64_t verdicts() const { return verdicts_; }
  [[nodiscard]] std::int64_t failures() const { return failures_; }
  // Of releases whose candidate is loaded and has a route, comma between.
  [[nodiscard]] std::string served_releases() const;

 private:
  [[nodiscard]] Result<void> take_over_changes();
  [[nodiscard]] Result<void> load_models();
  [[nodiscard]] Result<void> decide();
  [[nodiscard]] Result<bool> look_at_releases();
  [[nodiscard]] Result<void> flush();
  void run();

  HousekeepingParts parts_;
  std::int64_t seen_change_ = -1;
  std::int64_t seen_generation_ = -1;
  std::atomic<bool> deciding_ = true;
  std::atomic<std::int64_t> verdicts_ = 0;
  std::atomic<std::int64_t> failures_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string served_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::cli
