// What a person should look at next: a queue of answers to rate or correct, and pairs of answers to
// compare without knowing whose they are. Ranked by feedback/review.h among what is recent.
#include <cmath>
#include <utility>

#include "api/reads.h"
#include "feedback/review.h"
#include "store/tree.h"

namespace hone::api {
namespace {

// So many of each kind are looked through, newest first, whatever the store holds.
constexpr std::int64_t kNewestVerdicts = 4000;
constexpr std::int64_t kNewestAnswers = 2000;
constexpr std::int64_t kNewestForPairs = 1000;
constexpr std::int64_t kMostPairs = 4000;

// What is in the queue is an answer that came, with its content, and that this reviewer has not
// said anything about here.
constexpr std::string_view kAnswered =
    "i.content = 'stored' AND i.output_node IS NOT NULL AND i.status = 200";

double sum_of_side(const json::array& reasons, bool supporting) {
  double sum = 0;
  for (const auto& reason : reasons) {
    const auto* object = reason.if_object();
    const auto* value = object != nullptr ? object->if_contains("log_odds") : nullptr;
    if (value == nullptr || !value->is_number()) continue;
    const auto log_odds = value->to_number<double>();
    if ((log_odds > 0) == supporting) sum += std::abs(log_odds);
  }
  return sum;
}

// 0 where there is no verdict, or its reasons cannot be read.
double disagreement_in(const std::string& reasons) {
  if (reasons.empty()) return 0;
  const auto parsed = parse_json(reasons);
  const auto* array = parsed ? parsed->if_array() : nullptr;
  if (array == nullptr) return 0;
  return feedback::disagreement_of(sum_of_side(*array, true), sum_of_side(*array, false));
}

feedback::ReviewCandidate review_candidate_of(const store::Row& row) {
  return {
      .id = row.text("id"),
      .person = row.text("person_id"),
      .topic = row.text("tool") + "\n" + row.text("purpose"),
      .conversation = row.text("sitting"),
      .uncertainty = feedback::uncertainty_of(row.text("verdict"), row.optional_real("strength")),
      .disagreement = disagreement_in(row.text("reasons")),
      .at = row.time("started_at")};
}

Result<store::Rows> rows_for_review(const Query& query) {
  const std::string only = query.only_person();
  const std::string own = only.empty() ? "" : " WHERE person_id = ?";
  store::Params params = {kNewestVerdicts};
  if (!only.empty()) params.emplace_back(only);
  params.emplace_back(kNewestAnswers);
  std::string sql =
      "SELECT i.id, i.person_id, i.tool, i.purpose, i.started_at, COALESCE((SELECT MIN(h.value)"
      " FROM handle h WHERE h.interaction_id = i.id AND h.kind = 'session'), '') AS sitting,"
      " v.verdict, v.strength, v.reasons FROM interaction i"
      " LEFT JOIN verdict v ON v.interaction_id = i.id WHERE i.id IN ("
      "SELECT interaction_id FROM (SELECT interaction_id FROM verdict"
      " ORDER BY decided_at DESC, interaction_id DESC LIMIT ?) AS decided"
      " UNION SELECT id FROM (SELECT id FROM interaction" +
      own + " ORDER BY started_at DESC, id DESC LIMIT ?) AS newest) AND " + std::string(kAnswered);
  if (!only.empty()) {
    sql += " AND i.person_id = ?";
    params.emplace_back(only);
  }
  sql +=
      " AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.interaction_id = i.id AND f.person_id = ?"
      " AND f.source LIKE 'api:%' AND f.kind IN ('rated', 'corrected')) ORDER BY i.id";
  params.emplace_back(query.caller.person);
  return query.database.query(sql, params);
}

// Two answers to the same context: `a`, whose id is the greater one, and `b`.
Result<store::Rows> rows_for_pairs(const Query& query) {
  const std::string only = query.only_person();
  std::string sql =
      "WITH newest AS (SELECT i.id, i.person_id, i.tool, i.purpose, i.started_at, i.context_node,"
      " i.output_node, v.verdict, v.strength FROM interaction i"
      " LEFT JOIN verdict v ON v.interaction_id = i.id WHERE " +
      std::string(kAnswered);
  store::Params params;
  if (!only.empty()) {
    sql += " AND i.person_id = ?";
    params.emplace_back(only);
  }
  sql +=
      " ORDER BY i.started_at DESC, i.id DESC LIMIT ?)"
      " SELECT a.id AS id_a, b.id AS id_b, a.person_id, a.tool, a.purpose, a.started_at,"
      " a.context_node, a.verdict AS verdict_a, a.strength AS strength_a,"
      " b.verdict AS verdict_b, b.strength AS strength_b"
      " FROM newest a JOIN newest b ON b.context_node = a.context_node AND b.id < a.id"
      " AND b.output_node <> a.output_node"
      " WHERE NOT EXISTS (SELECT 1 FROM feedback f WHERE f.interaction_id IN (a.id, b.id)"
      " AND f.person_id = ? AND f.source LIKE 'api:%' AND f.kind = 'compared' AND f.detail LIKE"
      " '%\"' || CASE WHEN f.interaction_id = a.id THEN b.id ELSE a.id END || '\"%')"
      " ORDER BY a.id DESC, b.id DESC LIMIT ?";
  params.emplace_back(kNewestForPairs);
  params.emplace_back(query.caller.person);
  params.emplace_back(kMostPairs);
  return query.database.query(sql, params);
}

feedback::ReviewCandidate pair_candidate_of(const store::Row& row) {
  const double lean = feedback::lean_of(row.text("verdict_a"), row.optional_real("strength_a"));
  const double other = feedback::lean_of(row.text("verdict_b"), row.optional_real("strength_b"));
  // One question is asked once a queue before others are, however many answers it had.
  return {.id = row.text("id_a") + "\n" + row.text("id_b"),
          .person = row.text("person_id"),
          .topic = row.text("tool") + "\n" + row.text("purpose"),
          .conversation = std::to_string(row.integer("context_node")),
          .uncertainty = feedback::uncertainty_of_pair(lean, other),
          .at = row.time("started_at")};
}

struct Answered {
  json::array context;
  json::array output;
};

Result<Answered> load_answered(const Query& query, const std::string& interaction) {
  auto rows = query.database.query(
      "SELECT encode(c.hash, 'hex') AS context, encode(o.hash, 'hex') AS output FROM interaction i"
      " JOIN node c ON c.id = i.context_node JOIN node o ON o.id = i.output_node WHERE i.id = ?",
      {interaction});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return fail(ErrorCode::kNotFound, "no content of " + interaction);
  const std::string node = rows->front().text("context");
  auto context = messages_of(store::load_path(query.database, node));
  if (!context) return fail(context.error().with(interaction));
  auto output = messages_of(store::load_suffix(query.database, node, rows->front().text("output")));
  if (!output) return fail(output.error().with(interaction));
  return Answered{std::move(*context), std::move(*output)};
}

// Nothing that tells who, or which model, gave an answer.
Result<json::object> show_pair(const Query& query, const store::Row& row) {
  std::string left = row.text("id_a");
  std::string right = row.text("id_b");
  if (feedback::swaps_sides(query.caller.person, left, right)) std::swap(left, right);
  auto first = load_answered(query, left);
  if (!first) return fail(first.error());
  auto second = load_answered(query, right);
  if (!second) return fail(second.error());
  json::array answers;
  answers.push_back(
      json::object{{"id", left}, {"place", "first"}, {"output", std::move(first->output)}});
  answers.push_back(
      json::object{{"id", right}, {"place", "second"}, {"output", std::move(second->output)}});
  return json::object{{"context", std::move(first->context)}, {"answers", std::move(answers)}};
}

}  // namespace

Result<json::value> read_review(const Query& query) {
  auto limit = query.number("limit", 20, 1, 100);
  if (!limit) return fail(limit.error());
  auto rows = rows_for_review(query);
  if (!rows) return fail(rows.error());
  std::vector<feedback::ReviewCandidate> candidates;
  candidates.reserve(rows->size());
  for (const store::Row row : *rows) candidates.push_back(review_candidate_of(row));
  json::array queue;
  for (const auto& item :
       feedback::rank_for_review(candidates, query.now, static_cast<std::size_t>(*limit))) {
    const auto row = (*rows)[item.candidate];
    const auto& one = candidates[item.candidate];
    json::object shown{{"id", one.id},
                       {"score", item.score},
                       {"uncertainty", one.uncertainty},
                       {"disagreement", one.disagreement},
                       {"recency", item.recency},
                       {"tool", row.text("tool")},
                       {"purpose", row.text("purpose")},
                       {"started_at", row.integer("started_at")},
                       {"verdict", nullptr}};
    if (!row.is_null("verdict")) shown["verdict"] = row.text("verdict");
    queue.push_back(std::move(shown));
  }
  return json::object{{"queue", std::move(queue)}, {"considered", candidates.size()}};
}

Result<json::value> read_comparisons(const Query& query) {
  auto limit = query.number("limit", 5, 1, 20);
  if (!limit) return fail(limit.error());
  auto rows = rows_for_pairs(query);
  if (!rows) return fail(rows.error());
  std::vector<feedback::ReviewCandidate> candidates;
  candidates.reserve(rows->size());
  for (const store::Row row : *rows) candidates.push_back(pair_candidate_of(row));
  json::array pairs;
  for (const auto& item :
       feedback::rank_for_review(candidates, query.now, static_cast<std::size_t>(*limit))) {
    auto pair = show_pair(query, (*rows)[item.candidate]);
    if (!pair) return fail(pair.error());
    pairs.push_back(std::move(*pair));
  }
  return json::object{{"pairs", std::move(pairs)}, {"considered", candidates.size()}};
}

}  // namespace hone::api
