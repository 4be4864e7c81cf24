#include "feedback/conversation.h"

#include <map>

#include "store/block_content.h"

namespace hone::feedback {
namespace {

constexpr std::string_view kTurn =
    "SELECT i.id, i.person_id, i.tool, i.retry_of, i.started_at, i.duration_ms, i.status, i.error,"
    " i.context_node, i.output_node FROM interaction i ";
constexpr std::string_view kLatestFirst = " ORDER BY i.started_at DESC, i.id DESC LIMIT 8";

Turn read_turn(const store::Row& row) {
  Turn turn;
  turn.id = row.text("id");
  turn.person = row.text("person_id");
  turn.tool = row.text("tool");
  turn.retry_of = row.text("retry_of");
  turn.started = row.time("started_at");
  turn.ended = turn.started + std::chrono::milliseconds(row.integer("duration_ms"));
  turn.context = row.integer("context_node");
  turn.output = row.optional_integer("output_node");
  turn.answered = row.integer("status") == 200 && row.text("error").empty() && turn.output;
  return turn;
}

Result<std::vector<Turn>> read_turns(const Result<store::Rows>& rows) {
  if (!rows) return fail(rows.error());
  std::vector<Turn> turns;
  turns.reserve(rows->size());
  for (const store::Row row : *rows) turns.push_back(read_turn(row));
  return turns;
}

std::string sql(std::string_view where, std::string_view order = kLatestFirst) {
  return std::string(kTurn) + std::string(where) + std::string(order);
}

}  // namespace

Result<std::optional<Turn>> find_turn(store::Database& db, std::string_view id) {
  auto turns = read_turns(db.query(sql("WHERE i.id = ? AND i.context_node IS NOT NULL", ""), {id}));
  if (!turns) return fail(turns.error());
  if (turns->empty()) return std::optional<Turn>();
  return std::optional<Turn>(std::move(turns->front()));
}

Result<std::vector<Turn>> turns_at(store::Database& db, std::int64_t context,
                                   std::optional<std::int64_t> output, std::string_view person,
                                   Time before) {
  // By the context, which has an index, though the output says it all.
  if (output) {
    return read_turns(db.query(sql("WHERE i.context_node = ? AND i.output_node = ?"
                                   " AND i.person_id = ? AND i.started_at <= ?"),
                               {context, *output, person, before}));
  }
  return read_turns(
      db.query(sql("WHERE i.context_node = ? AND i.person_id = ? AND i.started_at <= ?"),
               {context, person, before}));
}

Result<std::vector<Turn>> turns_of_call(store::Database& db, std::string_view call,
                                        std::string_view person, Time before) {
  return read_turns(db.query(sql("JOIN handle h ON h.interaction_id = i.id WHERE h.value = ?"
                                 " AND h.kind = 'tool_call' AND i.context_node IS NOT NULL"
                                 " AND i.person_id = ? AND i.started_at <= ?"),
                             {call, person, before}));
}

Result<std::vector<Turn>> turns_between(store::Database& db, std::string_view person, Time from,
                                        Time before) {
  return read_turns(db.query(sql("WHERE i.person_id = ? AND i.started_at >= ? AND i.started_at < ?"
                                 " AND i.context_node IS NOT NULL",
                                 " ORDER BY i.started_at DESC, i.id DESC LIMIT 32"),
                             {person, from, before}));
}

Result<std::vector<Turn>> turns_below(store::Database& db, std::int64_t node,
                                      std::string_view person) {
  return read_turns(
      db.query("WITH RECURSIVE below (id, step) AS ("
               " SELECT n.id, 1 FROM node n WHERE n.parent = ?"
               " UNION ALL SELECT n.id, b.step + 1 FROM below b JOIN node n ON n.parent = b.id"
               " WHERE b.step < 6) " +
                   sql("JOIN below b ON b.id = i.context_node"
                       " LEFT JOIN mining_due d ON d.interaction_id = i.id AND d.due_at = 0"
                       " WHERE i.person_id = ? AND d.interaction_id IS NULL",
                       " ORDER BY b.step, i.started_at, i.id LIMIT 8"),
               {node, person}));
}

Result<bool> has_children(store::Database& db, std::int64_t node) {
  const auto rows = db.query("SELECT 1 AS one FROM node WHERE parent = ? LIMIT 1", {node});
  if (!rows) return fail(rows.error());
  return !rows->empty();
}

Result<std::vector<Place>> path_up(store::Database& db, std::int64_t node, int steps) {
  const auto rows =
      db.query(std::string("WITH RECURSIVE path (id, parent, block, hash, step) AS ("
                           " SELECT n.id, n.parent, n.block, n.hash, 1 FROM node n WHERE n.id = ?"
                           " UNION ALL SELECT n.id, n.parent, n.block, n.hash, p.step + 1"
                           " FROM path p JOIN node n ON n.id = p.parent WHERE p.step < ") +
                   std::to_string(steps) +
                   ") "
                   "SELECT p.id, p.parent, encode(p.hash, 'hex') AS hash, b.role"
                   " FROM path p LEFT JOIN block b ON b.id = p.block ORDER BY p.step",
               {node});
  if (!rows) return fail(rows.error());
  std::vector<Place> path;
  for (const store::Row row : *rows) {
    if (row.is_null("role")) break;  // a name only: what is above does not count as known
    path.push_back(
        {row.integer("id"), row.optional_integer("parent"), row.text("hash"), row.text("role")});
  }
  return path;
}

Result<std::vector<json::object>> messages_of(store::Database& db,
                                              const std::vector<std::int64_t>& nodes) {
  std::vector<json::object> messages;
  if (nodes.empty()) return messages;
  std::string marks;
  store::Params ids;
  for (const auto node : nodes) {
    marks += marks.empty() ? "?" : ", ?";
    ids.emplace_back(node);
  }
  const auto rows =
      db.query("SELECT n.id, " + std::string(store::kBlockColumns) +
                   " FROM node n JOIN block b ON b.id = n.block WHERE n.id IN (" + marks + ")",
               ids);
  if (!rows) return fail(rows.error());
  std::map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < rows->size(); ++i) places[(*rows)[i].integer("id")] = i;
  for (const auto node : nodes) {
    const auto found = places.find(node);
    if (found == places.end()) return fail(ErrorCode::kNotFound, "a message is not stored");
    const auto content = store::read_content((*rows)[found->second]);
    if (!content) return fail(content.error());
    auto message = parse_json_object(*content);
    if (!message) return fail(message.error());
    messages.push_back(std::move(*message));
  }
  return messages;
}

bool is_of_one_conversation(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kCorrupt ||
         error.code == ErrorCode::kInvalid || error.code == ErrorCode::kTooLarge;
}

Result<std::vector<std::string>> sessions_of(store::Database& db, std::string_view interaction) {
  const auto rows =
      db.query("SELECT h.value FROM handle h WHERE h.kind = 'session' AND h.interaction_id = ?",
               {interaction});
  if (!rows) return fail(rows.error());
  std::vector<std::string> names;
  for (const store::Row row : *rows) names.push_back(row.text("value"));
  return names;
}

}  // namespace hone::feedback
