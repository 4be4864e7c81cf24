// Datasets: the list, a card, pages of examples and single ones, each with the interactions that it
// rests on; and from an interaction back. Counts are for everybody. What an example says is for
// whoever may read the interactions that it came from: an employee gets examples that rest on
// nothing but what is theirs.
#include <fmt/format.h>

#include <map>
#include <vector>

#include "api/dataset_cards.h"
#include "api/reads.h"
#include "curate/dataset.h"
#include "curate/example.h"
#include "curate/example_lines.h"

namespace hone::api {
namespace {

constexpr std::chrono::milliseconds kCardPatience{250};
constexpr std::int64_t kMostDatasetsOfOne = 100;

// What the tables know of an example.
struct ListedExample {
  std::string id, kind, split;
};

struct ExampleOrigin {
  json::array interactions;
  bool visible = true;  // to the caller
};
using ExampleOrigins = std::map<std::string, ExampleOrigin, std::less<>>;

// Of at most some dozens of examples.
Result<ExampleOrigins> origins_of(const Query& query, const std::string& digest,
                                  const std::vector<ListedExample>& examples) {
  ExampleOrigins origins;
  if (examples.empty()) return origins;
  store::Params params{digest};
  std::string places;
  for (const auto& example : examples) {
    places += places.empty() ? "?" : ", ?";
    params.emplace_back(example.id);
  }
  auto rows = query.database.query(
      fmt::format("SELECT e.example_id, e.interaction_id, e.person_id, COALESCE(n.name, '') AS"
                  " person, i.tool, i.purpose, i.started_at, v.verdict FROM dataset_example e"
                  " LEFT JOIN interaction i ON i.id = e.interaction_id"
                  " LEFT JOIN verdict v ON v.interaction_id = e.interaction_id"
                  " LEFT JOIN person_name n ON n.person_id = e.person_id"
                  " WHERE e.dataset_digest = ? AND e.example_id IN ({})"
                  " ORDER BY e.example_id, i.started_at, e.interaction_id",
                  places),
      params);
  if (!rows) return fail(rows.error());
  const std::string only = query.only_person();
  for (const store::Row row : *rows) {
    ExampleOrigin& origin = origins[row.text("example_id")];
    if (!only.empty() && row.text("person_id") != only) origin.visible = false;
    json::object interaction{{"id", row.text("interaction_id")},
                             {"person_id", row.text("person_id")},
                             {"person", row.text("person")},
                             {"verdict", nullptr}};
    if (!row.is_null("verdict")) interaction["verdict"] = row.text("verdict");
    // Without these it is no longer stored.
    if (!row.is_null("started_at")) {
      interaction["tool"] = row.text("tool");
      interaction["purpose"] = row.text("purpose");
      interaction["started_at"] = row.integer("started_at");
    }
    origin.interactions.push_back(std::move(interaction));
  }
  return origins;
}

// Its line, as far as there is one, and where it came from.
Result<json::object> whole_example(curate::ExampleLines& lines, const ListedExample& listed,
                                   const ExampleOrigin& origin) {
  json::object example{{"id", listed.id}};
  auto line = lines.find(listed.split, listed.id, DatasetCards::kLongestExample);
  if (!line && line.error().code == ErrorCode::kTooLarge) {
    example["cut"] = true;
  } else if (!line) {
    return fail(line.error());
  } else if (*line) {
    auto object = parse_json_object(**line);
    if (!object) return fail(object.error().with("example " + listed.id));
    example = std::move(*object);
  } else {
    example["erased"] = true;
  }
  example["kind"] = listed.kind;
  example["split"] = listed.split;
  example["interactions"] = origin.interactions;
  return example;
}

Result<json::array> whole_examples(const Query& query, const curate::Dataset& dataset,
                                   const std::vector<ListedExample>& listed) {
  auto origins = origins_of(query, dataset.digest, listed);
  if (!origins) return fail(origins.error());
  json::array examples;
  if (listed.empty()) return examples;
  auto lines = curate::ExampleLines::open(dataset);
  if (!lines) return fail(lines.error());
  for (const auto& one : listed) {
    const auto origin = origins->find(one.id);
    if (origin == origins->end() || !origin->second.visible) continue;
    auto example = whole_example(**lines, one, origin->second);
    if (!example) return fail(example.error());
    examples.push_back(std::move(*example));
  }
  return examples;
}

Result<json::value> read_card(const Query& query, const curate::Dataset& dataset) {
  if (query.cards == nullptr) {
    return fail(ErrorCode::kUnavailable, "no cards are made here; use `hone dataset show`");
  }
  auto card = query.cards->find(dataset, kCardPatience);
  if (!card) return fail(card.error());
  if (*card == nullptr) return json::object{{"state", "making"}, {"card", nullptr}};
  json::object copy = **card;
  std::vector<ListedExample> drawn;
  const auto* shown = copy.if_contains("random_examples");
  const auto* examples = shown == nullptr ? nullptr : shown->if_array();
  if (examples != nullptr) {
    for (const auto& value : *examples) {
      const auto* line = value.if_object();
      if (line == nullptr) continue;
      drawn.push_back({std::string(string_or_empty(*line, "id")), "", ""});
    }
  }
  auto origins = origins_of(query, dataset.digest, drawn);
  if (!origins) return fail(origins.error());
  json::array visible;
  for (std::size_t i = 0; examples != nullptr && i < examples->size(); ++i) {
    const auto* line = (*examples)[i].if_object();
    if (line == nullptr) continue;
    const auto origin = origins->find(string_or_empty(*line, "id"));
    if (origin == origins->end() || !origin->second.visible) continue;
    json::object example = *line;
    example["split"] = curate::kTrainSplit;
    example["interactions"] = origin->second.interactions;
    visible.push_back(std::move(example));
  }
  copy["random_examples"] = std::move(visible);
  return json::object{{"state", "ready"}, {"card", std::move(copy)}};
}

std::vector<ListedExample> listed_in(const store::Rows& rows) {
  std::vector<ListedExample> listed;
  for (const store::Row row : rows) {
    listed.push_back({row.text("example_id"), row.text("kind"), row.text("split")});
  }
  return listed;
}

// By id, which is a digest: in no order that means anything, and the same at every look.
Result<json::value> read_examples(const Query& query, const curate::Dataset& dataset) {
  auto limit = query.number("limit", 20, 1, 50);
  if (!limit) return fail(limit.error());
  std::string where = "WHERE e.dataset_digest = ?";
  store::Params params{dataset.digest};
  const auto narrow = [&](std::string_view condition, std::string value) {
    if (value.empty()) return;
    where += " AND " + std::string(condition);
    params.emplace_back(std::move(value));
  };
  narrow("e.example_id > ?", query.request.parameter("after").value_or(""));
  narrow("e.split = ?", query.request.parameter("split").value_or(""));
  narrow("e.kind = ?", query.request.parameter("kind").value_or(""));
  const std::string only = query.only_person();
  narrow("e.person_id = ?", only);
  narrow(
      "NOT EXISTS (SELECT 1 FROM dataset_example o WHERE o.dataset_digest = e.dataset_digest AND"
      " o.example_id = e.example_id AND o.person_id <> ?)",
      only);
  params.emplace_back(*limit + 1);
  // MIN, for all rows of an example say the same: so that the primary key's order does for grouping
  // and a page costs what is on it.
  auto rows = query.database.query(
      "SELECT e.example_id, MIN(e.kind) AS kind, MIN(e.split) AS split FROM dataset_example e " +
          where + " GROUP BY e.example_id ORDER BY e.example_id LIMIT ?",
      params);
  if (!rows) return fail(rows.error());
  auto listed = listed_in(*rows);
  const bool more = listed.size() > static_cast<std::size_t>(*limit);
  if (more) listed.pop_back();
  auto examples = whole_examples(query, dataset, listed);
  if (!examples) return fail(examples.error());
  json::object page{{"examples", std::move(*examples)}, {"next", nullptr}};
  if (more) page["next"] = listed.back().id;
  return page;
}

Result<json::value> read_example(const Query& query, const curate::Dataset& dataset,
                                 const std::string& id) {
  auto rows = query.database.query(
      "SELECT example_id, kind, split FROM dataset_example WHERE dataset_digest = ? AND"
      " example_id = ? ORDER BY interaction_id LIMIT 1",
      {dataset.digest, id});
  if (!rows) return fail(rows.error());
  auto examples = whole_examples(query, dataset, listed_in(*rows));
  if (!examples) return fail(examples.error());
  if (examples->empty()) {
    return fail(ErrorCode::kNotFound, "dataset " + dataset.digest.substr(0, 12) +
                                          " has no example " + id.substr(0, 64) +
                                          (query.only_person().empty() ? "" : " of yours alone"));
  }
  return std::move(examples->front());
}

}  // namespace

Result<json::value> read_datasets(const Query& query) {
  auto datasets = curate::list_datasets(query.database);
  if (!datasets) return fail(datasets.error());
  json::array list;
  for (const auto& dataset : *datasets) list.push_back(curate::to_json(dataset));
  return json::object{{"datasets", std::move(list)}};
}

// DIGEST, DIGEST/card, DIGEST/examples, DIGEST/examples/ID.
Result<json::value> read_dataset(const Query& query) {
  const auto slash = query.name.find('/');
  const std::string part = slash == std::string::npos ? "" : query.name.substr(slash + 1);
  auto dataset = curate::find_dataset(query.database, query.name.substr(0, slash));
  if (!dataset) return fail(dataset.error());
  constexpr std::string_view kExamples = "examples";
  if (slash == std::string::npos) return curate::to_json(*dataset);
  if (part == "card") return read_card(query, *dataset);
  if (part == kExamples) return read_examples(query, *dataset);
  if (part.starts_with("examples/")) {
    return read_example(query, *dataset, part.substr(kExamples.size() + 1));
  }
  return fail(ErrorCode::kNotFound,
              "of a dataset there are /card, /examples and /examples/ID, and nothing else");
}

Result<json::array> datasets_with(const Query& query) {
  auto rows = query.database.query(
      "SELECT d.digest, d.name, e.example_id, e.kind, e.split FROM dataset_example e"
      " JOIN dataset d ON d.digest = e.dataset_digest WHERE e.interaction_id = ?"
      " ORDER BY d.created_at DESC, d.digest, e.example_id LIMIT ?",
      {query.name, kMostDatasetsOfOne});
  if (!rows) return fail(rows.error());
  json::array list;
  for (const store::Row row : *rows) {
    list.push_back(json::object{{"digest", row.text("digest")},
                                {"name", row.text("name")},
                                {"example", row.text("example_id")},
                                {"kind", row.text("kind")},
                                {"split", row.text("split")}});
  }
  return list;
}

}  // namespace hone::api
