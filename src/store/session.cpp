#include "store/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "store/digest.h"

namespace hone::store {
namespace {

constexpr std::int64_t kMostNodes = 100'000;
// Around the joins and the condition that say which calls.
constexpr std::string_view kSelect =
    "SELECT DISTINCT i.id, i.tool, i.model, encode(c.hash, 'hex') AS context_node,"
    " encode(o.hash, 'hex') AS output_node, i.error, i.retry_of, i.status, i.started_at FROM "
    "interaction i ";
constexpr std::string_view kNodes =
    " LEFT JOIN node c ON c.id = i.context_node LEFT JOIN node o ON o.id = i.output_node ";
constexpr std::string_view kInTime = " ORDER BY i.started_at, i.id LIMIT ?";

// Where the search begins: a person, and an interaction or, where a node was named, that node.
struct Origin {
  std::string person;
  std::string interaction;
  std::int64_t node = 0;  // 0: no content
};

Result<std::optional<Origin>> find_interaction(Database& db, std::string_view name) {
  const auto rows = db.query(
      "SELECT i.id, i.person_id, i.context_node FROM interaction i WHERE i.id IN"
      " (SELECT CAST(? AS TEXT) UNION SELECT interaction_id FROM handle WHERE value = ?)"
      " ORDER BY i.started_at, i.id LIMIT 1",
      {name, name});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return std::optional<Origin>();
  const auto row = rows->front();
  return Origin{row.text("person_id"), row.text("id"), row.integer("context_node")};
}

// A node is on the way to somebody's context: the first one that passed it.
Result<std::optional<Origin>> find_node(Database& db, std::string_view name) {
  const auto hash = digest_bytes(name);
  if (!hash) return std::optional<Origin>();
  const auto rows = db.query(
      "WITH RECURSIVE below (id) AS (SELECT id FROM node WHERE hash = ?"
      " UNION ALL SELECT parent FROM node WHERE hash = ?"
      " UNION SELECT n.id FROM node n JOIN below ON n.parent = below.id) "
      "SELECT i.id, i.person_id, (SELECT id FROM node WHERE hash = ?) AS node"
      " FROM below JOIN interaction i ON i.context_node = below.id"
      " ORDER BY i.started_at, i.id LIMIT 1",
      {*hash, *hash, *hash});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return std::optional<Origin>();
  const auto row = rows->front();
  return Origin{row.text("person_id"), row.text("id"), row.integer("node")};
}

class Loader {
 public:
  Loader(Database& db, std::int64_t most_calls) : db_(db), most_calls_(most_calls) {}

  Result<Session> load(const Origin& origin) {
    session_.person = origin.person;
    if (auto found = find_calls(origin); !found) return fail(found.error());
    for (std::size_t i = 0; i < session_.calls.size(); ++i) {
      if (auto walked = walk_up(i); !walked) return fail(walked.error());
    }
    order_steps();
    return std::move(session_);
  }

 private:
  struct Place {
    Step step;
    std::vector<std::string> children;  // as they were first taken
    std::vector<std::size_t> calls_end;
  };

  Result<void> find_calls(const Origin& origin) {
    auto by_tool = take_calls(
        "JOIN handle mine ON mine.interaction_id = ? AND mine.kind = 'session' "
        "JOIN handle theirs ON theirs.kind = 'session' AND theirs.value = mine.value "
        "AND theirs.interaction_id = i.id",
        "i.person_id = ?", {origin.interaction, origin.person});
    if (!by_tool || !session_.calls.empty()) return by_tool;
    const auto top = first_message(origin.node);
    if (!top) return fail(top.error());
    auto by_tree = take_calls(
        "JOIN (WITH RECURSIVE below (id) AS (SELECT id FROM node WHERE id = ?"
        " UNION SELECT n.id FROM node n JOIN below ON n.parent = below.id) "
        "SELECT id FROM below) b ON b.id = i.context_node",
        "i.person_id = ?", {*top, origin.person});
    if (!by_tree || !session_.calls.empty()) return by_tree;
    return take_calls("", "i.id = ?", {origin.interaction});  // it has no content
  }

  Result<void> take_calls(std::string_view joins, std::string_view which, Params params) {
    params.emplace_back(most_calls_ + 1);
    const auto rows =
        db_.query(fmt::format("{}{}{} WHERE {}{}", kSelect, joins, kNodes, which, kInTime), params);
    if (!rows) return fail(rows.error());
    for (const Row row : *rows) {
      if (std::ssize(session_.calls) == most_calls_) {
        session_.cut = true;
        break;
      }
      session_.calls.push_back({.id = row.text("id"),
                                .tool = row.text("tool"),
                                .model = row.text("model"),
                                .context_node = row.text("context_node"),
                                .output_node = row.text("output_node"),
                                .error = row.text("error"),
                                .retry_of = row.text("retry_of"),
                                .status = row.integer("status"),
                                .started_at = row.time("started_at")});
    }
    return {};
  }

  // The uppermost message of a user on the way to `node`: what stands above it (tools, a system
  // prompt) is shared by everyone who uses the tool.
  Result<std::int64_t> first_message(std::int64_t node) {
    const auto rows = db_.query(
        "WITH RECURSIVE path (id, parent, block, depth) AS ("
        " SELECT id, parent, block, depth FROM node WHERE id = ?"
        " UNION ALL SELECT n.id, n.parent, n.block, n.depth FROM node n"
        " JOIN path p ON n.id = p.parent) "
        "SELECT p.id FROM path p JOIN block b ON b.id = p.block WHERE b.role = 'user'"
        " ORDER BY p.depth LIMIT 1",
        {node});
    if (!rows) return fail(rows.error());
    return rows->empty() ? node : rows->front().integer("id");
  }

  // From a call's last node to the first one that is known already.
  Result<void> walk_up(std::size_t call) {
    const SessionCall& c = session_.calls[call];
    std::string hash = c.output_node.empty() ? c.context_node : c.output_node;
    std::string child;
    while (!hash.empty()) {
      const bool known = places_.contains(hash);
      if (!known) {
        auto step = load_step(db_, hash);
        if (!step) return fail(step.error());
        places_[hash].step = std::move(*step);
        if (std::ssize(places_) > kMostNodes) {
          return fail(ErrorCode::kTooLarge, "a session of more than 100,000 messages");
        }
      }
      Place& place = places_[hash];
      if (!child.empty()) place.children.push_back(child);
      if (known) break;
      child = hash;
      hash = place.step.node.parent;
      if (hash.empty()) roots_.push_back(child);
    }
    if (!c.context_node.empty()) places_[c.context_node].calls_end.push_back(call);
    return {};
  }

  // Depth first, without recursion: a session may be thousands of messages deep.
  void order_steps() {
    std::vector<std::pair<std::string, std::size_t>> open;
    for (auto root = roots_.rbegin(); root != roots_.rend(); ++root) open.emplace_back(*root, 0);
    while (!open.empty()) {
      auto [hash, branch] = std::move(open.back());
      open.pop_back();
      Place& place = places_[hash];
      for (std::size_t i = place.children.size(); i-- > 0;) {
        open.emplace_back(place.children[i], i == 0 ? branch : branch + 1);
      }
      session_.steps.push_back({std::move(place.step), branch, std::move(place.calls_end)});
    }
  }

  Database& db_;
  const std::int64_t most_calls_;
  Session session_;
  std::unordered_map<std::string, Place> places_;
  std::vector<std::string> roots_;
};

}  // namespace

Result<Session> load_session(Database& db, std::string_view name, std::int64_t most_calls) {
  auto origin = find_interaction(db, name);
  if (origin && !*origin) origin = find_node(db, name);
  if (!origin) return fail(origin.error());
  if (!*origin) {
    return fail(ErrorCode::kNotFound, "there is no interaction, handle or node '" +
                                          std::string(name.substr(0, 64)) + "'");
  }
  return Loader(db, most_calls).load(**origin);
}

Result<json::object> to_json(const Session& session) {
  json::array calls;
  for (const auto& call : session.calls) {
    calls.push_back({{"id", call.id},
                     {"tool", call.tool},
                     {"model", call.model},
                     {"status", call.status},
                     {"error", call.error},
                     {"retry_of", call.retry_of},
                     {"started_at", to_millis(call.started_at)},
                     {"context_node", call.context_node},
                     {"output_node", call.output_node}});
  }
  json::array messages;
  for (const auto& [step, branch, ends] : session.steps) {
    auto message = parse_json(step.block.content);
    if (!message) return fail(message.error().with("block " + step.block.hash));
    messages.push_back({{"node", step.node.hash},
                        {"parent", step.node.parent},
                        {"depth", step.node.depth},
                        {"branch", branch},
                        {"message", std::move(*message)}});
  }
  return json::object{{"person", session.person},
                      {"calls", std::move(calls)},
                      {"messages", std::move(messages)},
                      {"cut", session.cut}};
}

}  // namespace hone::store
