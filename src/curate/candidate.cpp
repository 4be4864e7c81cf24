#include "curate/candidate.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"
#include "curate/quality.h"
#include "curate/rows_by_key.h"
#include "curate/task.h"
#include "store/database.h"

namespace hone::curate {
namespace {

struct Filter {
  std::string sql;
  store::Params params;
};

void add_names(Filter& filter, std::string_view column, const std::vector<std::string>& names) {
  if (names.empty()) return;
  filter.sql += " AND i." + std::string(column) + " IN (";
  for (const auto& name : names) {
    filter.sql += filter.sql.ends_with('(') ? "?" : ", ?";
    filter.params.emplace_back(name);
  }
  filter.sql += ")";
}

Filter filter_of(const DatasetRecipe& recipe) {
  Filter filter;
  if (recipe.since) {
    filter.sql += " AND i.started_at >= ?";
    filter.params.emplace_back(*recipe.since);
  }
  add_names(filter, "alias", recipe.aliases);
  add_names(filter, "tool", recipe.tools);
  return filter;
}

// Interactions that only an automatism approved have no verdict; they are counted all the same, for
// somebody may take them for acceptances.
Result<std::int64_t> count_automatic(store::Database& database, const Filter& filter) {
  auto rows = database.query(
      "SELECT COUNT(DISTINCT i.id) AS count FROM feedback f JOIN interaction i"
      " ON i.id = f.interaction_id LEFT JOIN verdict v ON v.interaction_id = i.id"
      " WHERE v.interaction_id IS NULL AND f.kind = 'accepted' AND f.by_whom = 'automatic'" +
          filter.sql,
      filter.params);
  if (!rows) return fail(rows.error());
  return rows->front().integer("count");
}

// In open local mode there are no persons: whoever runs Hone on his own machine decides by
// training.
bool consents(const store::Row& row) {
  return row.text("person_id").empty() || row.optional_integer("train").value_or(0) != 0;
}

std::string_view reason_against_use(const store::Row& row) {
  if (row.text("arm") == "holdback") return "holdback";
  if (!consents(row)) return "no_train_consent";
  if (!row.truth("trainable")) return "not_trainable";
  if (row.text("content") != "stored" || row.is_null("context_node")) return "no_content";
  return {};
}

// Why nothing can be learnt from what people made of the answer.
std::string_view reason_against_verdict(const store::Row& row, const DatasetRecipe& recipe) {
  if (row.is_null("output_node")) return "no_content";
  if (row.is_null("verdict") || row.text("verdict") == "contested") return "contested";
  if (row.real("strength") < recipe.min_strength) return "weak";
  if (row.text("verdict") == "modified" && !row.truth("has_final")) return "no_final_text";
  return {};
}

std::string_view verdict_of(std::string_view name) {
  for (const std::string_view known : {"accepted", "modified", "rejected"}) {
    if (name == known) return known;
  }
  return {};
}

class RowReader {
 public:
  RowReader(store::Database& database, const DatasetRecipe& recipe, Candidates& candidates)
      : database_(database), recipe_(recipe), candidates_(candidates) {}

  Result<void> read() {
    const Filter filter = filter_of(recipe_);
    auto automatic = count_automatic(database_, filter);
    if (!automatic) return fail(automatic.error());
    if (*automatic > 0) candidates_.left_out["automatic"] = *automatic;
    auto judged = read_pages(
        " FROM verdict v JOIN interaction i ON i.id = v.interaction_id"
        " LEFT JOIN person p ON p.id = i.person_id WHERE v.interaction_id > ?",
        "v.interaction_id", filter);
    if (!judged || !with_tasks_) return judged;
    // Tasks need nobody's verdict.
    return read_pages(
        " FROM interaction i LEFT JOIN verdict v ON v.interaction_id = i.id"
        " LEFT JOIN person p ON p.id = i.person_id WHERE v.interaction_id IS NULL"
        " AND i.params LIKE '%\"verifier\"%' AND i.id > ?",
        "i.id", filter);
  }

 private:
  Result<void> read_pages(std::string_view from, std::string_view order, const Filter& filter) {
    constexpr std::size_t kPage = 5000;
    const std::string sql = fmt::format(
        "SELECT i.id, i.person_id, i.team_id, i.tool, i.upstream, i.purpose, i.arm, i.trainable,"
        " i.content, i.stop_reason, i.context_node, i.output_node, {} AS params, p.train,"
        " v.verdict, v.strength,"
        " CASE WHEN v.final_text IS NULL THEN 0 ELSE 1 END AS has_final{}{} ORDER BY {} LIMIT {}",
        with_tasks_ ? "i.params" : "''", from, filter.sql, order, kPage);
    for (std::string last;;) {
      store::Params params{last};
      params.insert(params.end(), filter.params.begin(), filter.params.end());
      auto rows = database_.query(sql, params);
      if (!rows) return fail(rows.error());
      for (const auto row : *rows) add(row);
      if (rows->size() < kPage) return {};
      last = (*rows)[rows->size() - 1].text("id");
    }
  }

  void add(const store::Row& row) {
    const bool verifier = with_tasks_ && has_verifier(row.text("params"));
    const bool task = verifier && verifier_of(row.text("params")).has_value();
    auto reason = reason_against_use(row);
    const auto unjudged = reason_against_verdict(row, recipe_);
    if (reason.empty() && !task) reason = unjudged;
    if (!reason.empty()) {
      // Without a verdict it is here for its verifier only.
      const bool only_task = row.is_null("verdict");
      ++candidates_.left_out[only_task && reason == "contested" ? "unknown_verifier"
                                                                : std::string(reason)];
      return;
    }
    Candidate& candidate = candidates_.rows.emplace_back();
    candidate.interaction = row.text("id");
    candidate.person = candidates_.name(row.text("person_id"));
    candidate.team = candidates_.name(row.text("team_id"));
    const bool imported = row.text("upstream").starts_with("import:");
    candidate.source = candidates_.name(row.text(imported ? "upstream" : "tool"));
    candidate.purpose = candidates_.name(row.text("purpose"));
    candidate.context_node = row.integer("context_node");
    candidate.output_node = row.integer("output_node");
    candidate.task = task;
    candidate.unknown_verifier = verifier && !task;
    candidate.truncated = is_truncated(row.text("stop_reason"));
    if (!unjudged.empty()) return;
    candidate.verdict = verdict_of(row.text("verdict"));
    candidate.strength = row.real("strength");
    candidate.has_final = candidate.verdict == "modified";
  }

  store::Database& database_;
  const DatasetRecipe& recipe_;
  Candidates& candidates_;
  const bool with_tasks_ = wants_kind(recipe_, "task");
};

}  // namespace

TextKey key_of(const Digest& digest) {
  TextKey key;
  constexpr std::size_t kHalf = 8;
  for (std::size_t i = 0; i < kHalf; ++i) {
    key.high = key.high << 8U | digest[i];
    key.low = key.low << 8U | digest[i + kHalf];
  }
  return key;
}

TextKey key_of(std::string_view text) {
  return key_of(sha256(text));
}

bool wants_kind(const DatasetRecipe& recipe, std::string_view kind) {
  return std::ranges::find(recipe.kinds, kind) != recipe.kinds.end();
}

Result<Candidates> load_candidates(store::Database& database, const DatasetRecipe& recipe,
                                   const EvaluationSets& sets) {
  Candidates candidates;
  if (auto read = RowReader(database, recipe, candidates).read(); !read) return fail(read.error());
  // Databases order texts by their own rules, and what follows must not depend on them.
  std::ranges::sort(candidates.rows, {}, &Candidate::interaction);
  if (auto read = read_facts(database, recipe, sets, candidates); !read) return fail(read.error());
  return candidates;
}

Result<std::unordered_map<std::string, std::string>> load_texts(
    store::Database& database, std::string_view select, const std::vector<std::string>& ids) {
  std::unordered_map<std::string, std::string> texts;
  auto done = for_each_row(database, select, ids, [&](const store::Row& row) {
    if (!row.is_null("text")) texts[row.text("id")] = row.text("text");
  });
  if (!done) return fail(done.error());
  return texts;
}

}  // namespace hone::curate
