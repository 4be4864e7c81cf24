#include "release/releases.h"

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"
#include "evaluate/gate.h"
#include "release/rows.h"
#include "store/database.h"

namespace hone::release {
namespace {

constexpr std::size_t kSaltBytes = 16;

Result<void> check_recipe(const curate::ReleaseRecipe& recipe) {
  const auto bad = [](const std::string& what) {
    return fail(ErrorCode::kInvalid, "recipe [release]: " + what);
  };
  if (recipe.holdback < 0 || recipe.holdback > 0.5) return bad("holdback must be 0 to 0.5");
  if (recipe.reserve < 0 || recipe.reserve > 0.9) return bad("reserve must be 0 to 0.9");
  if (recipe.alpha <= 0 || recipe.alpha > 0.5) return bad("alpha must be over 0, at most 0.5");
  if (recipe.min_people_per_arm < 2) return bad("min_people_per_arm must be at least 2");
  if (recipe.first_share <= 0) return bad("first_share must be over 0");
  double last = recipe.first_share;
  for (const double share : recipe.shares) {
    if (share <= last) return bad("shares must grow from first_share on");
    last = share;
  }
  constexpr double kRounding = 1e-9;
  if (last > 1 - recipe.reserve + kRounding) {
    return bad("the last share and the reserve are more than everyone");
  }
  return {};
}

Result<std::string> passed_evaluation(store::Database& database, const std::string& candidate,
                                      const std::string& baseline) {
  if (candidate == baseline) return std::string();
  const auto evaluation = evaluate::find_evaluation(database, candidate, baseline);
  if (!evaluation) return fail(evaluation.error());
  const std::string pair = candidate.substr(0, 12) + " against " + baseline.substr(0, 12);
  if (!*evaluation) {
    return fail(ErrorCode::kDenied, "no evaluation of " + pair + ": run the gate first");
  }
  if (!(*evaluation)->result.passed) {
    return fail(ErrorCode::kDenied, "the gate stopped " + pair + " (evaluation " +
                                        (*evaluation)->id + "): " + (*evaluation)->result.reason());
  }
  return (*evaluation)->id;
}

// What was promoted and not ended makes room for the next; what is being tested does not.
Result<void> make_room(store::Database& database, const Release& next, Time now) {
  auto running =
      query_releases(database, "WHERE alias = ? AND state IN ('canary', 'promoted')", {next.alias});
  if (!running) return fail(running.error());
  for (auto& release : *running) {
    if (release.state == "canary") {
      return fail(ErrorCode::kConflict,
                  "alias '" + next.alias + "' has release " + release.id + " being tested");
    }
    release.state = "ended";
    release.reason = "followed by " + next.id;
    if (auto updated = update_release(database, release); !updated) return updated;
    auto added = add_event(database, release.id, "ended", now, {{"reason", release.reason}});
    if (!added) return added;
  }
  return {};
}

// Reads the release and changes it in one transaction.
Result<void> change(store::Database& database, std::string_view release_id,
                    const std::function<Result<void>(Release&)>& body) {
  return database.transaction([&]() -> Result<void> {
    auto release = find_release(database, release_id);
    if (!release) return fail(release.error());
    return body(*release);
  });
}

std::unexpected<Error> wrong_state(const Release& release, std::string_view what) {
  return fail(ErrorCode::kConflict,
              "release " + release.id + " is " + release.state + " and " + std::string(what));
}

}  // namespace

Result<Release> start_release(store::Database& database, IdSource& ids, const StartRelease& request,
                              Time now) {
  if (auto good = check_recipe(request.recipe); !good) return fail(good.error());
  Release release{.id = ids.next("rel"),
                  .alias = request.alias,
                  .baseline = {},
                  .candidate = {},
                  .state = "canary",
                  .share = request.recipe.first_share,
                  .holdback = request.recipe.holdback,
                  .reserve = request.recipe.reserve,
                  .salt = request.salt.empty() ? hex(secret_bytes(kSaltBytes)) : request.salt,
                  .evaluation_id = {},
                  .recipe = request.recipe,
                  .reason = "started",
                  .started_at = now,
                  .decided_at = {}};
  auto done = database.transaction([&]() -> Result<void> {
    const auto alias = find_alias(database, request.alias);
    if (!alias) return fail(alias.error());
    const auto candidate = find_model(database, request.candidate);
    if (!candidate) return fail(candidate.error());
    release.baseline = alias->model;
    release.candidate = candidate->digest;
    if (auto room = make_room(database, release, now); !room) return room;
    auto evaluation = passed_evaluation(database, release.candidate, release.baseline);
    if (!evaluation) return fail(evaluation.error());
    release.evaluation_id = *evaluation;
    if (auto inserted = insert_release(database, release); !inserted) return inserted;
    return add_event(database, release.id, "started", now,
                     {{"share", release.share},
                      {"baseline", release.baseline},
                      {"candidate", release.candidate},
                      {"evaluation", release.evaluation_id}});
  });
  if (!done) return fail(done.error());
  return release;
}

Result<void> promote(store::Database& database, std::string_view release_id,
                     std::string_view reason, Time now) {
  return change(database, release_id, [&](Release& release) -> Result<void> {
    if (release.state != "canary") return wrong_state(release, "cannot be promoted");
    if (release.is_aa()) {
      return fail(ErrorCode::kConflict,
                  "release " + release.id + " compares a model with itself: nothing to promote");
    }
    return apply_promotion(database, release, reason, {}, now);
  });
}

Result<void> roll_back(store::Database& database, std::string_view release_id,
                       std::string_view reason, Time now) {
  return change(database, release_id, [&](Release& release) -> Result<void> {
    if (release.state == "rolled_back") return {};
    const auto alias = find_alias(database, release.alias);
    if (!alias) return fail(alias.error());
    if (!release.running()) {
      auto running = running_on(database, release.alias);
      if (!running) return fail(running.error());
      if (!running->empty() || alias->model != release.candidate) {
        return wrong_state(release, "its candidate no longer serves; nothing to roll back");
      }
    }
    return apply_rollback(database, release, reason, {}, now);
  });
}

Result<void> end_release(store::Database& database, std::string_view release_id,
                         std::string_view reason, Time now) {
  return change(database, release_id, [&](Release& release) -> Result<void> {
    if (!release.running()) return wrong_state(release, "is over already");
    release.state = "ended";
    release.reason = reason;
    if (!release.decided_at) release.decided_at = now;
    if (auto updated = update_release(database, release); !updated) return updated;
    return add_event(database, release.id, "ended", now, {{"reason", reason}});
  });
}

Result<void> start_period(store::Database& database, std::string_view release_id,
                          std::string_view label, Time now) {
  return change(database, release_id, [&](Release& release) -> Result<void> {
    if (!release.running()) return wrong_state(release, "has no further periods");
    return add_event(database, release.id, "period", now, {{"label", label}});
  });
}

Result<Release> find_release(store::Database& database, std::string_view release_id) {
  auto releases = query_releases(database, "WHERE id = ?", {release_id});
  if (!releases) return fail(releases.error());
  if (releases->empty()) {
    return fail(ErrorCode::kNotFound, "no release '" + std::string(release_id) + "'");
  }
  return std::move(releases->front());
}

Result<std::vector<Release>> list_releases(store::Database& database) {
  return query_releases(database, "ORDER BY started_at DESC, id DESC", {});
}

Result<std::optional<Release>> running_release(store::Database& database, std::string_view alias) {
  auto releases =
      query_releases(database, "WHERE alias = ? AND state IN ('canary', 'promoted')", {alias});
  if (!releases) return fail(releases.error());
  if (releases->empty()) return std::optional<Release>();
  return std::optional<Release>(std::move(releases->front()));
}

}  // namespace hone::release
