#include "store/session.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace hone::store {
namespace {

constexpr std::int64_t kMostNodes = 100'000;
constexpr std::string_view kColumns =
    "SELECT DISTINCT i.id, i.tool, i.model, i.context_node, i.output_node, i.error, i.retry_of,"
    " i.status, i.started_at FROM interaction i ";
constexpr std::string_view kInTime = " ORDER BY i.started_at, i.id LIMIT ?";

// Where the search begins: a person, and an interaction or, where a node was named, that node.
struct Origin {
  std::string person;
  std::string interaction;
  std::string node;
};

Result<std::optional<Origin>> find_interaction(Database& db, std::string_view name) {
  const auto rows = db.query(
      "SELECT i.id, i.person_id, i.context_node FROM handle h JOIN interaction i"
      " ON i.id = h.interaction_id WHERE h.value = ? ORDER BY i.started_at, i.id LIMIT 1",
      {name});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return std::optional<Origin>();
  const auto row = rows->front();
  return Origin{row.text("person_id"), row.text("id"), row.text("context_node")};
}

// A node is on the way to somebody's context: the first one that passed it.
Result<std::optional<Origin>> find_node(Database& db, std::string_view name) {
  const auto rows = db.query(
      "WITH RECURSIVE below (hash) AS (SELECT hash FROM node WHERE hash = ?"
      " UNION ALL SELECT parent FROM node WHERE hash = ?"
      " UNION SELECT n.hash FROM node n JOIN below ON n.parent = below.hash) "
      "SELECT i.id, i.person_id FROM below JOIN interaction i ON i.context_node = below.hash"
      " ORDER BY i.started_at, i.id LIMIT 1",
      {name, name});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return std::optional<Origin>();
  const auto row = rows->front();
  return Origin{row.text("person_id"), row.text("id"), std::string(name)};
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
        "AND theirs.interaction_id = i.id WHERE i.person_id = ?",
        {origin.interaction, origin.person});
    if (!by_tool || !session_.calls.empty()) return by_tool;
    const auto top = first_message(origin.node);
    if (!top) return fail(top.error());
    auto by_tree = take_calls(
        "JOIN (WITH RECURSIVE below (hash) AS (SELECT hash FROM node WHERE hash = ?"
        " UNION SELECT n.hash FROM node n JOIN below ON n.parent = below.hash) "
        "SELECT hash FROM below) b ON b.hash = i.context_node WHERE i.person_id = ?",
        {*top, origin.person});
    if (!by_tree || !session_.calls.empty()) return by_tree;
    return take_calls("WHERE i.id = ?", {origin.interaction});  // it has no content
  }

  Result<void> take_calls(const std::string& which, Params params) {
    params.emplace_back(most_calls_ + 1);
    const auto rows = db_.query(std::string(kColumns) + which + std::string(kInTime), params);
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
  Result<std::string> first_message(const std::string& node) {
    const auto rows = db_.query(
        "WITH RECURSIVE path (hash, parent, block, depth) AS ("
        " SELECT hash, parent, block, depth FROM node WHERE hash = ?"
        " UNION ALL SELECT n.hash, n.parent, n.block, n.depth FROM node n"
        " JOIN path p ON n.hash = p.parent) "
        "SELECT p.hash FROM path p JOIN block b ON b.hash = p.block WHERE b.role = 'user'"
        " ORDER BY p.depth LIMIT 1",
        {node});
    if (!rows) return fail(rows.error());
    return rows->empty() ? node : rows->front().text("hash");
  }

  // From a call's last node to the first one that is known already.
  Result<void> walk_up(std::size_t call) {
    const SessionCall& c = session_.calls[call];
    std::string hash = c.output_node.empty() ? c.context_node : c.output_node;
    std::string child;
    while (!hash.empty()) {
      const bool known = places_.contains(hash);
      if (!known) {
        auto step = load_step(hash);
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

  Result<Step> load_step(const std::string& hash) {
    const auto rows = db_.query(
        "SELECT n.hash, n.parent, n.block, n.depth, b.role, b.content FROM node n"
        " JOIN block b ON b.hash = n.block WHERE n.hash = ?",
        {hash});
    if (!rows) return fail(rows.error());
    if (rows->empty()) return fail(ErrorCode::kNotFound, "node " + hash + " is not stored");
    const auto row = rows->front();
    return Step{{row.text("hash"), row.text("parent"), row.text("block"), row.integer("depth")},
                {row.text("block"), row.text("role"), row.text("content")}};
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
