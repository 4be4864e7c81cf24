#include "curate/candidate.h"

#include <algorithm>
#include <set>

#include "store/database.h"
#include "wire/message.h"

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

std::string_view reason_against(const store::Row& row, const DatasetRecipe& recipe) {
  if (row.text("arm") == "holdback") return "holdback";
  if (!consents(row)) return "no_train_consent";
  if (!row.truth("trainable")) return "not_trainable";
  if (row.text("content") != "stored" || row.is_null("context_node") ||
      row.is_null("output_node")) {
    return "no_content";
  }
  if (row.text("verdict") == "contested") return "contested";
  if (row.real("strength") < recipe.min_strength) return "weak";
  if (row.text("verdict") == "modified" && row.is_null("final_text")) return "no_final_text";
  return {};
}

Candidate read_candidate(const store::Row& row) {
  Candidate candidate;
  candidate.interaction = row.text("id");
  candidate.person = row.text("person_id");
  candidate.team = row.text("team_id");
  candidate.purpose = row.text("purpose");
  candidate.context_node = row.integer("context_node");
  candidate.output_node = row.integer("output_node");
  candidate.verdict = row.text("verdict");
  candidate.strength = row.real("strength");
  candidate.final_text = row.optional_text("final_text");
  return candidate;
}

Result<Candidates> load_rows(store::Database& database, const DatasetRecipe& recipe,
                             const Filter& filter) {
  auto rows = database.query(
      "SELECT i.id, i.person_id, i.team_id, i.purpose, i.arm, i.trainable, i.content,"
      " i.context_node, i.output_node, p.train, v.verdict, v.strength, v.final_text"
      " FROM verdict v JOIN interaction i ON i.id = v.interaction_id"
      " LEFT JOIN person p ON p.id = i.person_id WHERE 1 = 1" +
          filter.sql + " ORDER BY i.id",
      filter.params);
  if (!rows) return fail(rows.error());
  Candidates candidates;
  for (const auto row : *rows) {
    const auto reason = reason_against(row, recipe);
    if (!reason.empty()) {
      ++candidates.left_out[std::string(reason)];
    } else {
      candidates.rows.push_back(read_candidate(row));
    }
  }
  return candidates;
}

std::string_view fill(Candidate& candidate, const LoadedPrompt& prompt, const std::string* answer,
                      const DatasetRecipe& recipe) {
  if (prompt.state == PromptState::kNotText) return "not_text";
  if (prompt.state == PromptState::kMissing || answer == nullptr) return "no_content";
  const auto message = parse_json_object(*answer);
  if (!message) return "no_content";
  auto text = plain_text(*message);
  if (!text) return "not_text";
  if (text->empty()) return "no_content";
  candidate.prompt = prompt.prompt;
  candidate.answer = std::move(*text);
  if (recipe.max_characters > 0) {
    const std::size_t final_size =
        candidate.final_text ? count_characters(*candidate.final_text) : 0;
    const std::size_t total =
        prompt.prompt->characters + std::max(count_characters(candidate.answer), final_size);
    if (total > static_cast<std::size_t>(recipe.max_characters)) return "too_long";
  }
  return {};
}

}  // namespace

Result<Candidates> load_candidates(store::Database& database, const DatasetRecipe& recipe) {
  const Filter filter = filter_of(recipe);
  auto automatic = count_automatic(database, filter);
  if (!automatic) return fail(automatic.error());
  auto candidates = load_rows(database, recipe, filter);
  if (!candidates) return fail(candidates.error());
  if (*automatic > 0) candidates->left_out["automatic"] = *automatic;

  std::set<std::int64_t> contexts;
  std::set<std::int64_t> outputs;
  for (const auto& row : candidates->rows) {
    contexts.insert(row.context_node);
    outputs.insert(row.output_node);
  }
  const auto prompts = load_prompts(database, contexts);
  if (!prompts) return fail(prompts.error());
  const auto answers = load_blocks_of(database, outputs);
  if (!answers) return fail(answers.error());
  std::vector<Candidate> kept;
  for (auto& row : candidates->rows) {
    const auto answer = answers->find(row.output_node);
    const auto reason = fill(row, prompts->at(row.context_node),
                             answer == answers->end() ? nullptr : &answer->second, recipe);
    if (!reason.empty()) {
      ++candidates->left_out[std::string(reason)];
    } else {
      kept.push_back(std::move(row));
    }
  }
  candidates->rows = std::move(kept);
  return candidates;
}

}  // namespace hone::curate
