#include "release/routes.h"

#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "release/assignment.h"
#include "release/registry.h"
#include "release/releases.h"
#include "release/rows.h"
#include "store/database.h"

namespace hone::release {
namespace {

constexpr std::size_t kMostWaiting = 65'536;

struct Target {
  std::string model;
  std::string upstream_model;
  bool trainable = true;
};

struct AliasRoute {
  std::string upstream;
  Target served;  // what the alias names
  // The rest only where people are apart: a release runs, or some are held back.
  std::string release;  // empty where none runs
  double share = 0;
  double holdback = 0;
  std::string release_salt;
  std::string holdback_salt;
  Target baseline;
  Target candidate;
  Target held_back;
};

// What `flush_assignments` writes.
struct Assignment {
  std::string release;
  std::string person;
  std::string arm;
  double propensity = 1;
  double share = 0;
};

Target target_of(const std::unordered_map<std::string, Model>& models, const std::string& model) {
  const auto found = models.find(model);
  if (found == models.end()) return {.model = model, .upstream_model = model};
  return {.model = model,
          .upstream_model = serving_name(found->second),
          .trainable = found->second.trainable};
}

// All releases of the alias, oldest first. The first one's baseline is what the held-back stay
// with; the last one says how many they are, as long as the alias still serves one of its models.
Result<void> add_releases(store::Database& database, const Alias& alias,
                          const std::unordered_map<std::string, Model>& models, AliasRoute& route) {
  const auto releases =
      query_releases(database, "WHERE alias = ? ORDER BY started_at, id", {alias.name});
  if (!releases) return fail(releases.error());
  if (releases->empty()) return {};
  const Release& last = releases->back();
  if (!last.running() && alias.model != last.candidate && alias.model != last.baseline) return {};
  auto salt = holdback_salt(database, alias.name);
  if (!salt) return fail(salt.error());
  route.holdback = last.holdback;
  route.holdback_salt = *salt;
  route.held_back = target_of(models, releases->front().baseline);
  if (!last.running()) return {};
  route.release = last.id;
  route.share = last.share;
  route.release_salt = last.salt;
  route.baseline = target_of(models, last.baseline);
  route.candidate = target_of(models, last.candidate);
  return {};
}

std::string fingerprint(const std::string& alias, const AliasRoute& route) {
  std::string text = alias + "\n" + route.upstream + "\n" + route.served.model + "\n" +
                     route.served.upstream_model + "\n" + route.release + "\n" +
                     std::to_string(route.share) + "\n" + std::to_string(route.holdback) + "\n";
  return text + (route.served.trainable ? "1\n" : "0\n");
}

void fill(Routed& routed, const Target& target) {
  routed.model = target.model;
  routed.upstream_model = target.upstream_model;
  routed.trainable = target.trainable;
}

}  // namespace

struct Routes::Snapshot {
  std::map<std::string, AliasRoute, std::less<>> aliases;
  std::string fingerprint;
};

// Who was noted already, by release and share, and who waits to be written.
struct Routes::Waiting {
  std::mutex mutex;
  std::unordered_set<std::string> noted;
  std::vector<Assignment> queue;
};

Routes::Routes() : snapshot_(std::make_shared<Snapshot>()), waiting_(std::make_unique<Waiting>()) {}
Routes::~Routes() = default;

std::shared_ptr<const Routes::Snapshot> Routes::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

Result<Routed> Routes::route(std::string_view alias, const std::string& person) {
  const auto now = snapshot();
  const auto found = now->aliases.find(alias);
  if (found == now->aliases.end()) {
    return fail(ErrorCode::kNotFound, "no alias '" + std::string(alias) + "'");
  }
  const AliasRoute& route = found->second;
  Routed routed{.alias = found->first, .upstream = route.upstream};
  fill(routed, route.release.empty() ? route.served : route.baseline);
  if (person.empty() || (route.release.empty() && route.holdback <= 0)) return routed;
  const Assigned assigned = assign({.holdback_salt = route.holdback_salt,
                                    .release_salt = route.release_salt,
                                    .share = route.share,
                                    .holdback = route.holdback},
                                   person);
  if (assigned.arm == Arm::kHoldback) {
    fill(routed, route.held_back);
  } else if (route.release.empty()) {
    return routed;
  } else if (assigned.arm == Arm::kCanary) {
    fill(routed, route.candidate);
  }
  routed.arm = name(assigned.arm);
  routed.release = route.release;
  routed.propensity = assigned.propensity;
  if (!routed.release.empty()) note(routed, person, route.share);
  return routed;
}

void Routes::note(const Routed& routed, const std::string& person, double share) {
  const std::string key = routed.release + "/" + std::to_string(share) + "/" + person;
  const std::lock_guard lock(waiting_->mutex);
  if (waiting_->noted.contains(key)) return;
  if (waiting_->queue.size() >= kMostWaiting) {
    ++dropped_;
    return;
  }
  waiting_->noted.insert(key);
  waiting_->queue.push_back({routed.release, person, routed.arm, routed.propensity, share});
}

std::vector<std::string> Routes::aliases() const {
  std::vector<std::string> names;
  for (const auto& [alias, route] : snapshot()->aliases) names.push_back(alias);
  return names;
}

Result<bool> Routes::reload(store::Database& database) {
  const auto aliases = list_aliases(database);
  if (!aliases) return fail(aliases.error());
  auto listed = list_models(database);
  if (!listed) return fail(listed.error());
  std::unordered_map<std::string, Model> models;
  for (auto& model : *listed) models.emplace(model.digest, std::move(model));
  auto next = std::make_shared<Snapshot>();
  for (const auto& alias : *aliases) {
    AliasRoute route{.upstream = alias.upstream, .served = target_of(models, alias.model)};
    if (auto added = add_releases(database, alias, models, route); !added) {
      return fail(added.error());
    }
    next->fingerprint += fingerprint(alias.name, route);
    next->aliases.emplace(alias.name, std::move(route));
  }
  const bool changed = next->fingerprint != snapshot()->fingerprint;
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  if (changed) {
    // Bounds what is remembered by the number of people; flushing writes nobody twice.
    const std::lock_guard lock(waiting_->mutex);
    waiting_->noted.clear();
  }
  return changed;
}

Result<std::int64_t> Routes::flush_assignments(store::Database& database, Time now) {
  std::vector<Assignment> queue;
  {
    const std::lock_guard lock(waiting_->mutex);
    queue.swap(waiting_->queue);
  }
  if (queue.empty()) return std::int64_t{0};
  std::int64_t written = 0;
  auto done = database.transaction([&]() -> Result<void> {
    for (const auto& one : queue) {
      auto inserted = database.execute(
          "INSERT INTO assignment (release_id, person_id, arm, propensity, share, at)"
          " SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM assignment"
          " WHERE release_id = ? AND person_id = ? AND arm = ? AND share = ?)",
          {one.release, one.person, one.arm, one.propensity, one.share, now, one.release,
           one.person, one.arm, one.share});
      if (!inserted) return fail(inserted.error());
      written += *inserted;
    }
    return {};
  });
  if (done) return written;
  // They wait for the next flush, ahead of what came meanwhile.
  const std::lock_guard lock(waiting_->mutex);
  waiting_->queue.insert(waiting_->queue.begin(), std::make_move_iterator(queue.begin()),
                         std::make_move_iterator(queue.end()));
  return fail(done.error());
}

}  // namespace hone::release
