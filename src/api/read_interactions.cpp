// Interactions: a page of them, newest first, and one with its context, answer and feedback.
#include "api/reads.h"
#include "store/session.h"
#include "store/tree.h"

namespace hone::api {
namespace {

constexpr std::string_view kColumns =
    "i.id, i.person_id, COALESCE(n.name, '') AS person, COALESCE(t.name, '') AS team, i.tool, "
    "i.wire, i.alias, i.arm, i.release_id, i.model, COALESCE(m.name, i.model) AS model_name, "
    "i.upstream, i.purpose, i.started_at, i.first_byte_ms, i.duration_ms, i.status, "
    "i.stop_reason, i.error, i.streamed, i.prompt_tokens, i.cached_tokens, i.completion_tokens, "
    "i.cost, i.content, i.retry_of, v.verdict, v.strength, v.edit_distance, v.final_text, "
    "v.policy";
constexpr std::string_view kTables =
    " FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id "
    "LEFT JOIN person_name n ON n.person_id = i.person_id LEFT JOIN team t ON t.id = i.team_id "
    "LEFT JOIN model m ON m.digest = i.model ";
// What one interaction has besides: where in the conversation tree it is.
constexpr std::string_view kNodeColumns =
    ", encode(c.hash, 'hex') AS context_node, encode(o.hash, 'hex') AS output_node";
constexpr std::string_view kNodes =
    "LEFT JOIN node c ON c.id = i.context_node LEFT JOIN node o ON o.id = i.output_node ";

json::value text_or_null(const store::Row& row, std::string_view column) {
  if (row.is_null(column)) return nullptr;
  return json::string(row.text(column));
}

json::object summary(const store::Row& row) {
  json::object object;
  for (const auto* column :
       {"id", "person_id", "person", "team", "tool", "wire", "alias", "arm", "release_id", "model",
        "model_name", "upstream", "purpose", "stop_reason", "error", "content", "retry_of"}) {
    object[column] = row.text(std::string_view(column));
  }
  for (const auto* column : {"started_at", "first_byte_ms", "duration_ms", "status", "streamed",
                             "prompt_tokens", "cached_tokens", "completion_tokens"}) {
    object[column] = row.integer(std::string_view(column));
  }
  object["cost"] = row.real("cost");
  object["verdict"] = text_or_null(row, "verdict");
  if (!row.is_null("strength")) object["strength"] = row.real("strength");
  if (!row.is_null("edit_distance")) object["edit_distance"] = row.real("edit_distance");
  return object;
}

Result<json::array> feedback_of(const Query& query) {
  auto rows = query.database.query(
      "SELECT id, source, kind, by_whom, value, final_text, comment, at FROM feedback WHERE "
      "interaction_id = ? ORDER BY at, id",
      {query.name});
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) {
    json::object object{{"id", row.text("id")},
                        {"source", row.text("source")},
                        {"kind", row.text("kind")},
                        {"by", row.text("by_whom")},
                        {"final_text", text_or_null(row, "final_text")},
                        {"comment", text_or_null(row, "comment")},
                        {"at", row.integer("at")}};
    if (!row.is_null("value")) object["value"] = row.real("value");
    list.push_back(std::move(object));
  }
  return list;
}

// Ids of the attempts that named it as the one before them.
Result<json::array> retries_of(const Query& query) {
  auto rows = query.database.query(
      "SELECT id FROM interaction WHERE retry_of = ? AND retry_of <> '' ORDER BY started_at, id",
      {query.name});
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) list.emplace_back(row.text("id"));
  return list;
}

}  // namespace

Result<json::array> messages_of(const Result<std::vector<store::Block>>& blocks) {
  if (!blocks) return fail(blocks.error());
  json::array messages;
  for (const auto& block : *blocks) {
    auto message = parse_json(block.content);
    if (!message) return fail(message.error().with("block " + block.hash));
    messages.push_back(std::move(*message));
  }
  return messages;
}

Result<json::value> read_interactions(const Query& query) {
  auto limit = query.number("limit", 50, 1, 500);
  if (!limit) return fail(limit.error());
  std::string where = "WHERE 1 = 1";
  store::Params params;
  const auto narrow = [&](std::string_view condition, std::string value) {
    if (value.empty()) return;
    where += " AND " + std::string(condition);
    params.emplace_back(std::move(value));
  };
  narrow("i.person_id = ?", query.only_person());
  narrow("i.id < ?", query.request.parameter("before").value_or(""));
  narrow("i.tool = ?", query.request.parameter("tool").value_or(""));
  narrow("i.purpose = ?", query.request.parameter("purpose").value_or(""));
  narrow("i.release_id <> '' AND i.release_id = ?",
         query.request.parameter("release").value_or(""));
  narrow("v.verdict = ?", query.request.parameter("verdict").value_or(""));
  params.emplace_back(*limit);
  auto rows = query.database.query("SELECT " + std::string(kColumns) + std::string(kTables) +
                                       where + " ORDER BY i.id DESC LIMIT ?",
                                   params);
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) list.push_back(summary(row));
  return json::object{{"interactions", std::move(list)}};
}

Result<json::value> read_session(const Query& query) {
  const auto session = store::load_session(query.database, query.name);
  const std::string only = query.only_person();
  if (session && !only.empty() && session->person != only) {
    return fail(ErrorCode::kNotFound, "there is no session of " + query.name.substr(0, 64));
  }
  if (!session) return fail(session.error());
  auto object = store::to_json(*session);
  if (!object) return fail(object.error());
  return json::value(std::move(*object));
}

Result<json::value> read_interaction(const Query& query) {
  auto rows =
      query.database.query("SELECT " + std::string(kColumns) + std::string(kNodeColumns) +
                               std::string(kTables) + std::string(kNodes) + "WHERE i.id = ?",
                           {query.name});
  if (!rows) return fail(rows.error());
  const std::string only = query.only_person();
  if (rows->empty() || (!only.empty() && rows->front().text("person_id") != only)) {
    return fail(ErrorCode::kNotFound, "there is no interaction " + query.name.substr(0, 64));
  }
  const auto row = rows->front();
  auto object = summary(row);
  object["final_text"] = text_or_null(row, "final_text");
  object["policy"] = text_or_null(row, "policy");
  if (const std::string& node = row.text("context_node"); !node.empty()) {
    auto context = messages_of(store::load_path(query.database, node));
    if (!context) return fail(context.error());
    object["context"] = std::move(*context);
    if (const std::string& output = row.text("output_node"); !output.empty()) {
      auto answer = messages_of(store::load_suffix(query.database, node, output));
      if (!answer) return fail(answer.error());
      object["output"] = std::move(*answer);
    }
  }
  auto feedback = feedback_of(query);
  if (!feedback) return fail(feedback.error());
  object["feedback"] = std::move(*feedback);
  auto retries = retries_of(query);
  if (!retries) return fail(retries.error());
  object["retries"] = std::move(*retries);
  auto datasets = datasets_with(query);
  if (!datasets) return fail(datasets.error());
  object["datasets"] = std::move(*datasets);
  return object;
}

}  // namespace hone::api
