// Runs with their loss curves, models and releases with what was seen at every look.
#include "api/reads.h"
#include "curate/run.h"

namespace hone::api {
namespace {

json::value parsed_or_null(const std::string& text) {
  auto value = parse_json(text);
  if (!value) return nullptr;
  return std::move(*value);
}

json::object release_row(const store::Row& row) {
  json::object object;
  for (const auto* column :
       {"id", "alias", "baseline", "candidate", "state", "evaluation_id", "reason"}) {
    object[column] = row.text(std::string_view(column));
  }
  for (const auto* column : {"share", "holdback", "reserve"}) {
    object[column] = row.real(std::string_view(column));
  }
  object["started_at"] = row.integer("started_at");
  if (!row.is_null("decided_at")) object["decided_at"] = row.integer("decided_at");
  return object;
}

Result<json::array> release_events(const Query& query) {
  auto rows = query.database.query(
      "SELECT number, kind, at, detail FROM release_event WHERE release_id = ? ORDER BY number",
      {query.name});
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) {
    list.push_back(json::object{{"number", row.integer("number")},
                                {"kind", row.text("kind")},
                                {"at", row.integer("at")},
                                {"detail", parsed_or_null(row.text("detail"))}});
  }
  return list;
}

}  // namespace

Result<json::value> read_runs(const Query& query) {
  auto runs = curate::list_runs(query.database);
  if (!runs) return fail(runs.error());
  json::array list;
  for (const auto& run : *runs) list.push_back(curate::to_json(run));
  return json::object{{"runs", std::move(list)}};
}

Result<json::value> read_run(const Query& query) {
  auto run = curate::find_run(query.database, query.name);
  if (!run) return fail(run.error());
  auto object = curate::to_json(*run);
  json::array steps;
  if (const auto progress = curate::read_progress(run->folder)) {
    for (const auto& step : *progress) steps.push_back(curate::to_json(step));
  }
  object["progress"] = std::move(steps);
  return object;
}

Result<json::value> read_models(const Query& query) {
  auto rows = query.database.query(
      "SELECT m.digest, m.name, m.kind, m.parent, m.run_id, m.trainable, m.created_at, e.passed, "
      "e.results FROM model m LEFT JOIN evaluation e ON e.model = m.digest ORDER BY m.created_at "
      "DESC");
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) {
    json::object object{{"digest", row.text("digest")},
                        {"name", row.text("name")},
                        {"kind", row.text("kind")},
                        {"parent", row.text("parent")},
                        {"run", row.text("run_id")},
                        {"trainable", row.truth("trainable")},
                        {"created_at", row.integer("created_at")}};
    if (!row.is_null("passed")) {
      object["passed"] = row.truth("passed");
      object["evaluation"] = parsed_or_null(row.text("results"));
    }
    list.push_back(std::move(object));
  }
  return json::object{{"models", std::move(list)}};
}

Result<json::value> read_releases(const Query& query) {
  auto rows = query.database.query("SELECT * FROM release ORDER BY started_at DESC");
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) list.push_back(release_row(row));
  return json::object{{"releases", std::move(list)}};
}

Result<json::value> read_release(const Query& query) {
  auto rows = query.database.query("SELECT * FROM release WHERE id = ?", {query.name});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    return fail(ErrorCode::kNotFound, "there is no release " + query.name.substr(0, 64));
  }
  auto object = release_row(rows->front());
  auto events = release_events(query);
  if (!events) return fail(events.error());
  object["events"] = std::move(*events);
  return object;
}

}  // namespace hone::api
