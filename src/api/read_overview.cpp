// Acceptance by tool, team, arm and so on, with intervals clustered by person; and the same over
// time.
#include <array>
#include <map>

#include "api/reads.h"
#include "evaluate/statistics.h"

namespace hone::api {
namespace {

// What one may group by, and the column that says it.
struct Dimension {
  std::string_view name;
  std::string_view column;
};
constexpr std::array<Dimension, 6> kDimensions = {{{"tool", "i.tool"},
                                                   {"team", "COALESCE(t.name, i.team_id)"},
                                                   {"arm", "i.arm"},
                                                   {"purpose", "i.purpose"},
                                                   {"model", "COALESCE(m.name, i.model)"},
                                                   {"alias", "i.alias"}}};

Result<std::string_view> dimension_column(const Query& query) {
  const std::string by = query.request.parameter("by").value_or("arm");
  std::string known;
  for (const auto& dimension : kDimensions) {
    if (dimension.name == by) return dimension.column;
    known += " " + std::string(dimension.name);
  }
  return fail(ErrorCode::kInvalid, "parameter 'by' must be one of" + known);
}

// Counts per group and person, so that the intervals can be clustered.
Result<store::Rows> count_rows(const Query& query, std::string_view column,
                               const std::string& bucket) {
  auto from = query.time("from", Time{});
  if (!from) return fail(from.error());
  auto to = query.time("to", from_millis(INT64_C(1) << 53));
  if (!to) return fail(to.error());
  const std::string person = query.only_person();
  store::Params params = {*from, *to};
  std::string where = "i.started_at >= ? AND i.started_at < ? AND i.content <> 'cut'";
  if (!person.empty()) {
    where += " AND i.person_id = ?";
    params.emplace_back(person);
  }
  return query.database.query(
      "SELECT " + std::string(column) + " AS name, " + bucket +
          " AS bucket, i.person_id AS person, COUNT(*) AS interactions, "
          "SUM(CASE WHEN v.verdict = 'accepted' THEN 1 ELSE 0 END) AS accepted, "
          "SUM(CASE WHEN v.verdict = 'modified' THEN 1 ELSE 0 END) AS modified, "
          "SUM(CASE WHEN v.verdict = 'rejected' THEN 1 ELSE 0 END) AS rejected, "
          "SUM(CASE WHEN v.verdict = 'contested' THEN 1 ELSE 0 END) AS contested "
          "FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id "
          "LEFT JOIN team t ON t.id = i.team_id LEFT JOIN model m ON m.digest = i.model WHERE " +
          where + " GROUP BY 1, 2, 3 ORDER BY 1, 2",
      params);
}

struct Group {
  std::int64_t interactions = 0;
  std::int64_t accepted = 0;
  std::int64_t modified = 0;
  std::int64_t rejected = 0;
  std::int64_t contested = 0;
  std::vector<evaluate::Cluster> people;

  void add(const store::Row& row) {
    interactions += row.integer("interactions");
    accepted += row.integer("accepted");
    modified += row.integer("modified");
    rejected += row.integer("rejected");
    contested += row.integer("contested");
    const auto judged = row.integer("accepted") + row.integer("modified") + row.integer("rejected");
    if (judged > 0) {
      people.push_back({static_cast<double>(row.integer("accepted")), static_cast<double>(judged)});
    }
  }

  [[nodiscard]] json::object to_json() const {
    const auto rate = evaluate::clustered_rate(people);
    json::object object{{"interactions", interactions}, {"accepted", accepted},
                        {"modified", modified},         {"rejected", rejected},
                        {"contested", contested},       {"people", people.size()}};
    if (!people.empty()) {
      object["rate"] = rate.value;
      object["low"] = rate.low;
      object["high"] = rate.high;
    }
    return object;
  }
};

}  // namespace

Result<json::value> read_acceptance(const Query& query) {
  auto column = dimension_column(query);
  if (!column) return fail(column.error());
  auto rows = count_rows(query, *column, "0");
  if (!rows) return fail(rows.error());
  std::map<std::string, Group> groups;
  Group total;
  std::map<std::string, evaluate::Cluster> people;
  for (const store::Row row : *rows) {
    groups[row.text("name")].add(row);
    total.add(row);
    const auto accepted = static_cast<double>(row.integer("accepted"));
    auto& cluster = people[row.text("person")];
    cluster.sum += accepted;
    cluster.count +=
        accepted + static_cast<double>(row.integer("modified") + row.integer("rejected"));
  }
  total.people.clear();
  for (const auto& [person, cluster] : people) {
    if (cluster.count > 0) total.people.push_back(cluster);
  }
  json::array list;
  for (const auto& [name, group] : groups) {
    auto object = group.to_json();
    object["name"] = name;
    list.push_back(std::move(object));
  }
  return json::object{{"groups", std::move(list)}, {"total", total.to_json()}};
}

Result<json::value> read_timeline(const Query& query) {
  auto column = dimension_column(query);
  if (!column) return fail(column.error());
  auto seconds = query.number("bucket", 3600, 1, 366 * 24 * 3600);
  if (!seconds) return fail(seconds.error());
  const std::string ms = std::to_string(*seconds * 1000);
  auto rows = count_rows(query, *column, "(i.started_at / " + ms + ") * " + ms);
  if (!rows) return fail(rows.error());
  std::map<std::string, std::map<std::int64_t, Group>> series;
  for (const store::Row row : *rows) series[row.text("name")][row.integer("bucket")].add(row);
  json::array list;
  for (const auto& [name, points] : series) {
    json::array array;
    for (const auto& [at, group] : points) {
      auto object = group.to_json();
      object["at"] = at;
      array.push_back(std::move(object));
    }
    list.push_back(json::object{{"name", name}, {"points", std::move(array)}});
  }
  return json::object{{"bucket_seconds", *seconds}, {"series", std::move(list)}};
}

}  // namespace hone::api
