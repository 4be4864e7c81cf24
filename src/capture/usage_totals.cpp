#include "capture/usage_totals.h"

#include <cmath>

namespace hone::capture {
namespace {

constexpr std::array kLasting = {Period::kDay, Period::kMonth};

bool lasts(const Allowance& allowance, Period period) {
  for (const Measure measure : kMeasures) {
    if (allowance.most.at(measure, period)) return true;
  }
  return false;
}

template <typename Named>
bool lasts(const Named& allowances, Period period) {
  for (const auto& [who, allowance] : allowances) {
    if (lasts(allowance, period)) return true;
  }
  return false;
}

// Limits that keys have of their own, which the rules know nothing of.
using KeyLimits = std::map<std::string, Allowance, std::less<>>;
Result<KeyLimits> key_limits(store::Database& database) {
  auto rows =
      database.query("SELECT id, limits FROM api_key WHERE limits <> '' AND revoked_at IS NULL");
  if (!rows) return fail(rows.error());
  KeyLimits found;
  for (const store::Row row : *rows) {
    auto limits = people::read_stored_limits(row.text("limits"));
    if (!limits) continue;  // it opens nothing (people/directory.cpp)
    found[row.text("id")] = *limits;
  }
  return found;
}

// `who` is the column, or expression, that names the account.
Result<void> load(store::Database& database, Limits& limits, Limits::Scope scope,
                  const std::string& who, Period period, Time now) {
  auto rows = database.query(
      "SELECT " + who +
          " AS who, COUNT(*) AS requests,"
          " CAST(SUM(i.prompt_tokens + i.completion_tokens) AS BIGINT) AS tokens,"
          " SUM(i.cost) AS cost FROM interaction i LEFT JOIN team t ON t.id = i.team_id"
          " WHERE i.started_at >= ? AND i.wire <> 'import' AND"
          " i.upstream NOT LIKE 'import:%' GROUP BY " +
          who,
      {begin_of(period, now)});
  if (!rows) return fail(rows.error());
  for (const store::Row row : *rows) {
    auto& account = limits.account(scope, row.text("who"));
    account.raise_to(Measure::kRequests, period, now, row.integer("requests"));
    account.raise_to(Measure::kTokens, period, now, row.integer("tokens"));
    account.raise_to(Measure::kCost, period, now, std::llround(row.real("cost") * 1e6));
  }
  return {};
}

}  // namespace

Result<bool> needs_totals(store::Database& database, const Limits& limits) {
  const LimitRules& rules = limits.rules();
  const auto own = key_limits(database);
  if (!own) return fail(own.error());
  for (const Period period : kLasting) {
    if (lasts(rules.everyone, period) || lasts(rules.persons, period) ||
        lasts(rules.teams, period) || lasts(rules.keys, period) || lasts(*own, period)) {
      return true;
    }
  }
  return false;
}

Result<void> load_totals(store::Database& database, Limits& limits, Time now) {
  const LimitRules& rules = limits.rules();
  const auto own = key_limits(database);
  if (!own) return fail(own.error());
  for (const Period period : kLasting) {
    if (lasts(rules.everyone, period) || lasts(rules.persons, period)) {
      auto done = load(database, limits, Limits::Scope::kPerson, "i.person_id", period, now);
      if (!done) return done;
    }
    if (lasts(rules.teams, period)) {
      auto done = load(database, limits, Limits::Scope::kTeam, "COALESCE(t.name, '')", period, now);
      if (!done) return done;
    }
    if (lasts(rules.keys, period) || lasts(*own, period)) {
      auto done = load(database, limits, Limits::Scope::kKey, "i.key_id", period, now);
      if (!done) return done;
    }
  }
  return {};
}

}  // namespace hone::capture
