// Which model answers a person who asks for an alias, from memory: the gateway asks for every call.
//
//   Routes routes;
//   routes.reload(db);                            // at the start, and from housekeeping
//   auto routed = routes.route("assistant", person);
//   routes.flush_assignments(db, now);            // from housekeeping
//
// `route` is thread-safe and quick; `reload` and `flush_assignments` block and are for a worker
// thread, one at a time. Who was first sent where is queued (bounded; what overflows is counted,
// and comes again with the person's next call) and written by `flush_assignments`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hone::store {
class Database;
}

namespace hone::release {

struct Routed {
  std::string alias;
  std::string upstream;
  std::string upstream_model;  // what to send as "model"
  std::string model;           // digest, or what the alias names
  std::string arm;             // "baseline", "canary", "holdback"; empty without a release
  std::string release;
  double propensity = 1;
  bool trainable = false;  // a model that is not in the registry leaves it to its upstream: true
};

class Routes {
 public:
  Routes();
  ~Routes();
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  // kNotFound where there is no such alias. A caller without a name gets the baseline and no arm.
  [[nodiscard]] Result<Routed> route(std::string_view alias, const std::string& person);
  [[nodiscard]] std::vector<std::string> aliases() const;

  // True where anything changed.
  [[nodiscard]] Result<bool> reload(store::Database& database);
  // Returns how many rows it wrote.
  [[nodiscard]] Result<std::int64_t> flush_assignments(store::Database& database, Time now);
  [[nodiscard]] std::uint64_t assignments_dropped() const { return dropped_; }

 private:
  struct Snapshot;
  struct Waiting;
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  void note(const Routed& routed, const std::string& person, double share);

  mutable std::mutex mutex_;  // guards the pointer only
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<Waiting> waiting_;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace hone::release
