#include "release/rows.h"

#include "base/hash.h"
#include "base/random.h"

namespace hone::release {
namespace {

constexpr std::string_view kSecretName = "assignment_secret";
constexpr std::size_t kSecretBytes = 32;

json::object to_row(const curate::ReleaseRecipe& recipe) {
  return {{"first_share", recipe.first_share},
          {"shares", json::value_from(recipe.shares)},
          {"holdback", recipe.holdback},
          {"reserve", recipe.reserve},
          {"alpha", recipe.alpha},
          {"min_people_per_arm", recipe.min_people_per_arm}};
}

Result<curate::ReleaseRecipe> recipe_of(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return fail(object.error());
  const auto first_share = field<double>(*object, "first_share");
  const auto shares = field<json::array>(*object, "shares");
  const auto holdback = field<double>(*object, "holdback");
  const auto reserve = field<double>(*object, "reserve");
  const auto alpha = field<double>(*object, "alpha");
  const auto people = field<std::int64_t>(*object, "min_people_per_arm");
  for (const auto* part : {&first_share, &holdback, &reserve, &alpha}) {
    if (!*part) return fail(part->error());
  }
  if (!shares) return fail(shares.error());
  if (!people) return fail(people.error());
  curate::ReleaseRecipe recipe{.first_share = *first_share,
                               .shares = {},
                               .holdback = *holdback,
                               .reserve = *reserve,
                               .alpha = *alpha,
                               .min_people_per_arm = *people};
  for (const auto& share : *shares) {
    const auto number = as<double>(share, "shares");
    if (!number) return fail(number.error());
    recipe.shares.push_back(*number);
  }
  return recipe;
}

Result<Release> release_of(const store::Row& row) {
  auto recipe = recipe_of(row.text("recipe"));
  if (!recipe) return fail(recipe.error().with("release " + row.text("id")));
  Release release{.id = row.text("id"),
                  .alias = row.text("alias"),
                  .baseline = row.text("baseline"),
                  .candidate = row.text("candidate"),
                  .state = row.text("state"),
                  .share = row.real("share"),
                  .holdback = row.real("holdback"),
                  .reserve = row.real("reserve"),
                  .salt = row.text("salt"),
                  .evaluation_id = row.text("evaluation_id"),
                  .recipe = std::move(*recipe),
                  .reason = row.text("reason"),
                  .started_at = row.time("started_at"),
                  .decided_at = {}};
  if (!row.is_null("decided_at")) release.decided_at = row.time("decided_at");
  return release;
}

// Statements that change exactly what they name.
Result<void> done(const Result<std::int64_t>& changed) {
  if (!changed) return fail(changed.error());
  return {};
}

Result<void> serve_on_alias(store::Database& database, std::string_view alias,
                            std::string_view model, Time now) {
  return done(database.execute("UPDATE alias SET model = ?, changed_at = ? WHERE name = ?",
                               {model, now, alias}));
}

}  // namespace

Alias alias_of(const store::Row& row) {
  return {.name = row.text("name"),
          .upstream = row.text("upstream"),
          .model = row.text("model"),
          .changed_at = row.time("changed_at")};
}

Result<void> write_alias(store::Database& database, std::string_view name,
                         std::string_view upstream, std::string_view model, Time now) {
  return done(database.execute(
      "INSERT INTO alias (name, upstream, model, changed_at) VALUES (?, ?, ?, ?)"
      " ON CONFLICT (name) DO UPDATE SET upstream = excluded.upstream, model = excluded.model,"
      " changed_at = excluded.changed_at",
      {name, upstream, model, now}));
}

Result<std::string> running_on(store::Database& database, std::string_view alias) {
  auto rows = database.query(
      "SELECT id FROM release WHERE alias = ? AND state IN ('canary', 'promoted')", {alias});
  if (!rows) return fail(rows.error());
  return rows->empty() ? std::string() : rows->front().text("id");
}

Result<std::vector<Release>> query_releases(store::Database& database,
                                            std::string_view where_and_order,
                                            const store::Params& params) {
  auto rows = database.query(
      "SELECT id, alias, baseline, candidate, state, share, holdback, reserve, salt,"
      " evaluation_id, recipe, reason, started_at, decided_at FROM release " +
          std::string(where_and_order),
      params);
  if (!rows) return fail(rows.error());
  std::vector<Release> releases;
  for (const store::Row row : *rows) {
    auto release = release_of(row);
    if (!release) return fail(release.error());
    releases.push_back(std::move(*release));
  }
  return releases;
}

Result<void> insert_release(store::Database& database, const Release& release) {
  return done(database.execute(
      "INSERT INTO release (id, alias, baseline, candidate, state, share, holdback, reserve, salt,"
      " evaluation_id, recipe, reason, started_at, decided_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {release.id, release.alias, release.baseline, release.candidate, release.state, release.share,
       release.holdback, release.reserve, release.salt, release.evaluation_id,
       canonical(to_row(release.recipe)), release.reason, release.started_at, release.decided_at}));
}

Result<void> update_release(store::Database& database, const Release& release) {
  return done(database.execute(
      "UPDATE release SET state = ?, share = ?, reason = ?, decided_at = ? WHERE id = ?",
      {release.state, release.share, release.reason, release.decided_at, release.id}));
}

Result<void> apply_promotion(store::Database& database, Release& release, std::string_view reason,
                             json::object detail, Time now) {
  release.state = "promoted";
  release.share = 1 - release.reserve;
  release.reason = reason;
  release.decided_at = now;
  if (auto updated = update_release(database, release); !updated) return updated;
  auto served = serve_on_alias(database, release.alias, release.candidate, now);
  if (!served) return served;
  detail["reason"] = reason;
  detail["share"] = release.share;
  return add_event(database, release.id, "promoted", now, detail);
}

Result<void> apply_rollback(store::Database& database, Release& release, std::string_view reason,
                            json::object detail, Time now) {
  release.state = "rolled_back";
  release.reason = reason;
  release.decided_at = now;
  if (auto updated = update_release(database, release); !updated) return updated;
  auto served = serve_on_alias(database, release.alias, release.baseline, now);
  if (!served) return served;
  detail["reason"] = reason;
  return add_event(database, release.id, "rolled_back", now, detail);
}

Result<void> add_event(store::Database& database, std::string_view release_id,
                       std::string_view kind, Time at, const json::object& detail) {
  return done(database.execute(
      "INSERT INTO release_event (release_id, number, kind, at, detail)"
      " SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM release_event WHERE release_id = ?",
      {release_id, kind, at, canonical(detail), release_id}));
}

Result<std::vector<ReleaseEvent>> query_events(store::Database& database,
                                               std::string_view release_id) {
  auto rows = database.query(
      "SELECT number, kind, at, detail FROM release_event WHERE release_id = ? ORDER BY number",
      {release_id});
  if (!rows) return fail(rows.error());
  std::vector<ReleaseEvent> events;
  for (const store::Row row : *rows) {
    auto detail = parse_json_object(row.text("detail"));
    if (!detail) return fail(detail.error().with("release_event of " + std::string(release_id)));
    events.push_back({.number = row.integer("number"),
                      .kind = row.text("kind"),
                      .at = row.time("at"),
                      .detail = std::move(*detail)});
  }
  return events;
}

Result<std::string> holdback_salt(store::Database& database, std::string_view alias) {
  auto rows = database.query("SELECT value FROM setting WHERE name = ?", {kSecretName});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    auto made = database.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        {kSecretName, hex(secret_bytes(kSecretBytes))});
    if (!made) return fail(made.error());
    rows = database.query("SELECT value FROM setting WHERE name = ?", {kSecretName});
    if (!rows) return fail(rows.error());
    if (rows->empty()) return fail(ErrorCode::kInternal, "the assignment secret was not kept");
  }
  return hex(hmac_sha256(rows->front().text("value"), "holdback:" + std::string(alias)));
}

}  // namespace hone::release
