#include <cmath>
#include <map>

#include "release/evidence.h"
#include "release/releases.h"
#include "release/rows.h"
#include "store/database.h"

namespace hone::release {
namespace {

struct Tally {
  ArmCounts counts;
  std::map<std::string, evaluate::Cluster> people;
};

void count(Tally& tally, const store::Row& row) {
  const auto number = row.integer("number");
  const std::string& verdict = row.text("verdict");
  tally.counts.interactions += number;
  if (verdict == "contested") tally.counts.contested += number;
  if (verdict != "accepted" && verdict != "modified" && verdict != "rejected") return;
  auto& person = tally.people[row.text("person")];
  person.count += static_cast<double>(number);
  if (verdict == "accepted") {
    tally.counts.accepted += number;
    person.sum += static_cast<double>(number);
  } else {
    (verdict == "modified" ? tally.counts.modified : tally.counts.rejected) += number;
  }
}

// An interval without an end has no number in JSON.
json::value finite(double number) {
  return std::isfinite(number) ? json::value(number) : json::value(nullptr);
}

}  // namespace

Result<std::vector<ArmCounts>> count_arms(store::Database& database, std::string_view release_id,
                                          std::optional<Time> since, std::optional<Time> until) {
  std::string sql =
      "SELECT i.arm AS arm, i.person_id AS person, v.verdict AS verdict, COUNT(*) AS number"
      " FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id"
      " WHERE i.release_id = ? AND i.release_id <> '' AND i.arm <> ''";
  store::Params params = {release_id};
  if (since) {
    sql += " AND i.started_at >= ?";
    params.emplace_back(*since);
  }
  if (until) {
    sql += " AND i.started_at < ?";
    params.emplace_back(*until);
  }
  auto rows = database.query(
      sql + " GROUP BY i.arm, i.person_id, v.verdict ORDER BY i.arm, i.person_id", params);
  if (!rows) return fail(rows.error());
  std::map<std::string, Tally> tallies;
  for (const store::Row row : *rows) count(tallies[row.text("arm")], row);
  std::vector<ArmCounts> arms;
  for (auto& [arm, tally] : tallies) {
    std::vector<evaluate::Cluster> people;
    for (const auto& [person, cluster] : tally.people) people.push_back(cluster);
    tally.counts.arm = arm;
    tally.counts.rate = evaluate::clustered_rate(people);
    arms.push_back(std::move(tally.counts));
  }
  return arms;
}

Result<ReleaseStatus> release_status(store::Database& database, std::string_view release_id) {
  auto release = find_release(database, release_id);
  if (!release) return fail(release.error());
  auto arms = count_arms(database, release_id);
  if (!arms) return fail(arms.error());
  auto events = query_events(database, release_id);
  if (!events) return fail(events.error());
  const auto evidence = read_evidence(database, release_id);
  if (!evidence) return fail(evidence.error());
  ReleaseStatus status{.release = std::move(*release),
                       .arms = std::move(*arms),
                       .test = {},
                       .guardrails = {},
                       .events = std::move(*events)};
  status.test = test_acceptance(status.release, *evidence);
  status.guardrails = test_guardrails(status.release, *evidence);
  return status;
}

json::object to_json(const Release& release) {
  return {{"id", release.id},
          {"alias", release.alias},
          {"baseline", release.baseline},
          {"candidate", release.candidate},
          {"state", release.state},
          {"share", release.share},
          {"holdback", release.holdback},
          {"reserve", release.reserve},
          {"evaluation", release.evaluation_id},
          {"reason", release.reason},
          {"started_at", to_text(release.started_at)},
          {"decided_at",
           release.decided_at ? json::value(to_text(*release.decided_at)) : json::value(nullptr)}};
}

json::object to_json(const ArmCounts& counts) {
  return {{"arm", counts.arm},
          {"interactions", counts.interactions},
          {"accepted", counts.accepted},
          {"modified", counts.modified},
          {"rejected", counts.rejected},
          {"contested", counts.contested},
          {"people", counts.rate.people},
          {"rate", counts.rate.value},
          {"low", counts.rate.low},
          {"high", counts.rate.high}};
}

json::object to_json(const TestState& state) {
  return {{"decision", name(state.decision)},
          {"score", state.score},
          {"variance", finite(state.variance)},
          {"better_bound", finite(state.better_bound)},
          {"worse_bound", finite(state.worse_bound)},
          {"difference", state.difference},
          {"low", finite(state.low)},
          {"high", finite(state.high)},
          {"canary_people", state.canary_people},
          {"baseline_people", state.baseline_people},
          {"outcomes", state.outcomes}};
}

json::object to_json(const ReleaseStatus& status) {
  json::object object = to_json(status.release);
  json::array arms;
  for (const auto& counts : status.arms) arms.push_back(to_json(counts));
  json::array guardrails;
  for (const auto& guardrail : status.guardrails) {
    guardrails.push_back({{"name", guardrail.name},
                          {"breached", guardrail.breached},
                          {"baseline", guardrail.baseline},
                          {"canary", guardrail.canary}});
  }
  json::array events;
  for (const auto& event : status.events) {
    events.push_back({{"number", event.number},
                      {"kind", event.kind},
                      {"at", to_text(event.at)},
                      {"detail", event.detail}});
  }
  object["arms"] = std::move(arms);
  object["test"] = to_json(status.test);
  object["guardrails"] = std::move(guardrails);
  object["events"] = std::move(events);
  return object;
}

}  // namespace hone::release
