#include <cmath>

#include "evaluate/gate.h"
#include "store/database.h"

namespace hone::evaluate {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, model, baseline, dataset_digest, passed, results, created_at FROM evaluation ";

// An interval without an end has no number in JSON.
json::value finite(double number) {
  return std::isfinite(number) ? json::value(number) : json::value(nullptr);
}

double number_or_nan(const json::object& object, std::string_view name) {
  const auto number = field<double>(object, name);
  return number ? *number : std::nan("");
}

Result<GateResult> read_result(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return fail(object.error());
  const auto passed = field<bool>(*object, "passed");
  if (!passed) return fail(passed.error());
  const auto checks = field<json::array>(*object, "checks");
  if (!checks) return fail(checks.error());
  GateResult result{.passed = *passed, .checks = {}};
  for (const auto& entry : *checks) {
    const auto check = as<json::object>(entry, "checks");
    if (!check) return fail(check.error());
    const auto good = field<bool>(*check, "passed");
    if (!good) return fail(good.error());
    result.checks.push_back({.name = std::string(string_or_empty(*check, "name")),
                             .passed = *good,
                             .value = number_or_nan(*check, "value"),
                             .low = number_or_nan(*check, "low"),
                             .high = number_or_nan(*check, "high"),
                             .threshold = number_or_nan(*check, "threshold"),
                             .count = field<std::int64_t>(*check, "count").value_or(0),
                             .people = field<std::int64_t>(*check, "people").value_or(0),
                             .note = std::string(string_or_empty(*check, "note"))});
  }
  return result;
}

Result<std::vector<Evaluation>> query_evaluations(store::Database& database, std::string_view rest,
                                                  const store::Params& params) {
  auto rows = database.query(std::string(kColumns) + std::string(rest), params);
  if (!rows) return fail(rows.error());
  std::vector<Evaluation> evaluations;
  for (const store::Row row : *rows) {
    auto result = read_result(row.text("results"));
    if (!result) return fail(result.error().with("evaluation " + row.text("id")));
    evaluations.push_back(
        {.id = row.text("id"),
         .of = {row.text("model"), row.text("baseline"), row.text("dataset_digest")},
         .result = std::move(*result),
         .created_at = row.time("created_at")});
  }
  return evaluations;
}

}  // namespace

Result<Evaluation> save_evaluation(store::Database& database, IdSource& ids, Clock& clock,
                                   const Evaluated& of, const GateResult& result) {
  Evaluation evaluation{
      .id = ids.next("ev"), .of = of, .result = result, .created_at = clock.now()};
  auto inserted = database.execute(
      "INSERT INTO evaluation (id, model, baseline, dataset_digest, passed, results, created_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?)",
      {evaluation.id, of.model, of.baseline, of.dataset_digest, result.passed,
       canonical(to_json(result)), evaluation.created_at});
  if (!inserted) return fail(inserted.error());
  return evaluation;
}

Result<std::vector<Evaluation>> list_evaluations(store::Database& database) {
  return query_evaluations(database, "ORDER BY created_at DESC, id DESC", {});
}

Result<std::optional<Evaluation>> find_evaluation(store::Database& database, std::string_view model,
                                                  std::string_view baseline) {
  auto evaluations = query_evaluations(
      database, "WHERE model = ? AND baseline = ? ORDER BY created_at DESC, id DESC LIMIT 1",
      {model, baseline});
  if (!evaluations) return fail(evaluations.error());
  if (evaluations->empty()) return std::optional<Evaluation>();
  return std::optional<Evaluation>(std::move(evaluations->front()));
}

json::object to_json(const GateResult& result) {
  json::array checks;
  for (const auto& check : result.checks) {
    checks.push_back({{"name", check.name},
                      {"passed", check.passed},
                      {"value", finite(check.value)},
                      {"low", finite(check.low)},
                      {"high", finite(check.high)},
                      {"threshold", finite(check.threshold)},
                      {"count", check.count},
                      {"people", check.people},
                      {"note", check.note}});
  }
  return {{"passed", result.passed}, {"checks", std::move(checks)}};
}

json::object to_json(const Evaluation& evaluation) {
  json::object object = to_json(evaluation.result);
  object["id"] = evaluation.id;
  object["model"] = evaluation.of.model;
  object["baseline"] = evaluation.of.baseline;
  object["dataset"] = evaluation.of.dataset_digest;
  object["created_at"] = to_text(evaluation.created_at);
  return object;
}

}  // namespace hone::evaluate
