#include "cli/demo/report.h"

#include <tuple>

#include "evaluate/statistics.h"

namespace hone::cli::demo {
namespace {

// One group while it is being counted.
struct Counting {
  Tally tally;
  std::map<std::string, evaluate::Cluster> people;
  double distance = 0;
  std::int64_t with_distance = 0;

  void add(const std::string& person, const std::string& verdict,
           const std::optional<double>& edit_distance) {
    ++tally.interactions;
    if (edit_distance) {
      distance += *edit_distance;
      ++with_distance;
    }
    const bool accepted = verdict == "accepted";
    if (accepted) ++tally.accepted;
    if (verdict == "modified") ++tally.modified;
    if (verdict == "rejected") ++tally.rejected;
    if (!accepted && verdict != "modified" && verdict != "rejected") return;
    auto& cluster = people[person];
    cluster.sum += accepted ? 1 : 0;
    cluster.count += 1;
  }

  [[nodiscard]] Tally done() const {
    Tally result = tally;
    std::vector<evaluate::Cluster> clusters;
    for (const auto& [person, cluster] : people) clusters.push_back(cluster);
    result.people = static_cast<std::int64_t>(clusters.size());
    const auto interval = evaluate::clustered_rate(clusters);
    result.rate = interval.value;
    result.low = interval.low;
    result.high = interval.high;
    if (with_distance > 0) result.edit_distance = distance / static_cast<double>(with_distance);
    return result;
  }
};

std::int64_t day_of(const std::vector<DaySpan>& days, Time at) {
  for (const auto& day : days) {
    if (at >= day.from && at < day.to) return day.day;
  }
  return 0;
}

}  // namespace

Result<Tallies> tally(store::Database& database, const std::vector<DaySpan>& days,
                      const std::string& original, const std::string& candidate) {
  const auto rows = database.query(
      "SELECT i.person_id, i.purpose, i.model, i.arm, i.started_at, v.verdict, v.edit_distance "
      "FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id WHERE i.status = 200");
  if (!rows) return fail(rows.error());
  std::map<std::tuple<std::string, std::int64_t, std::string>, Counting> groups;
  std::map<std::string, Counting> pooled;
  for (const store::Row row : *rows) {
    const std::int64_t day = day_of(days, row.time("started_at"));
    if (day == 0) continue;
    const bool released =
        row.text("arm") == "canary" || (candidate != original && row.text("model") == candidate);
    const std::string arm = row.text("arm") == "holdback" ? "holdback"
                            : released                    ? "released"
                                                          : "baseline";
    const auto add = [&](Counting& counting) {
      counting.add(row.text("person_id"), row.text("verdict"), row.optional_real("edit_distance"));
    };
    add(groups[{row.text("purpose"), day, arm}]);
    if (day == days.back().day) add(pooled[arm]);
  }
  Tallies result;
  for (const auto& [key, counting] : groups) {
    result.groups.push_back(
        {std::get<0>(key), std::get<1>(key), std::get<2>(key), counting.done()});
  }
  for (const auto& [arm, counting] : pooled) result.pooled[arm] = counting.done();
  return result;
}

Result<json::value> lineage(store::Database& database, const std::string& candidate) {
  const auto rows = database.query(
      "SELECT m.digest, m.name, m.parent, r.id AS run, r.recipe, r.dataset_digest, e.example_id, "
      "e.interaction_id FROM model m JOIN run r ON r.id = m.run_id JOIN dataset_example e ON "
      "e.dataset_digest = r.dataset_digest WHERE m.digest = ? AND e.split = 'train' "
      "ORDER BY e.example_id LIMIT 1",
      {candidate});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return json::value(nullptr);
  const auto row = rows->front();
  return json::object{{"model", row.text("digest")},
                      {"base", row.text("parent")},
                      {"run", row.text("run")},
                      {"recipe", row.text("recipe")},
                      {"dataset", row.text("dataset_digest")},
                      {"example", row.text("example_id")},
                      {"interaction", row.text("interaction_id")}};
}

json::object to_json(const Tally& tally) {
  return {{"interactions", tally.interactions},
          {"people", tally.people},
          {"accepted", tally.accepted},
          {"modified", tally.modified},
          {"rejected", tally.rejected},
          {"rate", tally.rate},
          {"low", tally.low},
          {"high", tally.high},
          {"edit_distance", tally.edit_distance}};
}

}  // namespace hone::cli::demo
