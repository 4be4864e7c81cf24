#include "curate/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "curate/candidate.h"
#include "curate/dataset_folder.h"
#include "curate/example.h"
#include "curate/select.h"
#include "store/database.h"

namespace hone::curate {
namespace {

constexpr std::size_t kFolderDigits = 12;
constexpr std::string_view kColumns =
    "SELECT digest, name, folder, seed, examples, counts, left_out, created_at FROM dataset";

Counts read_counts(const json::object& object, std::string_view name) {
  Counts counts;
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_object()) return counts;
  for (const auto& member : value->get_object()) {
    if (const auto* number = member.value().if_int64()) counts[member.key()] = *number;
  }
  return counts;
}

// Column `counts` holds the splits, and the people beside them.
json::object counts_object(const Dataset& dataset) {
  json::object object{{"people", to_json(dataset.people)}};
  for (const auto& [split, by_kind] : dataset.counts) object[split] = to_json(by_kind);
  return object;
}

Result<Dataset> read_row(const store::Row& row) {
  Dataset dataset;
  dataset.digest = row.text("digest");
  dataset.name = row.text("name");
  dataset.folder = row.text("folder");
  dataset.seed = row.integer("seed");
  dataset.examples = row.integer("examples");
  dataset.created_at = row.time("created_at");
  const auto counts = parse_json_object(row.text("counts"));
  const auto left_out = parse_json_object("{\"all\":" + row.text("left_out") + "}");
  if (!counts || !left_out) {
    return fail(ErrorCode::kCorrupt, "the counts of dataset " + dataset.digest + " are damaged");
  }
  for (const auto split : {kTrainSplit, kHeldOutSplit}) {
    dataset.counts[std::string(split)] = read_counts(*counts, split);
  }
  dataset.people = read_counts(*counts, "people");
  dataset.left_out = read_counts(*left_out, "all");
  return dataset;
}

Dataset describe(const Recipe& recipe, const std::vector<Example>& examples, Counts left_out,
                 const std::string& root, Clock& clock) {
  Dataset dataset;
  dataset.digest = digest_of(recipe.dataset, examples);
  dataset.name = recipe.name;
  dataset.folder = root + "/" + dataset.digest.substr(0, kFolderDigits);
  dataset.seed = recipe.dataset.seed;
  dataset.examples = static_cast<std::int64_t>(examples.size());
  dataset.left_out = std::move(left_out);
  dataset.created_at = clock.now();
  std::map<std::string_view, std::set<std::string_view>> people;
  for (const auto split : {kTrainSplit, kHeldOutSplit}) dataset.counts[std::string(split)];
  for (const auto& example : examples) {
    ++dataset.counts[std::string(example.split)][example.kind];
    for (const auto* candidate : example.from) people[example.split].insert(candidate->person);
  }
  for (const auto split : {kTrainSplit, kHeldOutSplit}) {
    dataset.people[std::string(split)] = static_cast<std::int64_t>(people[split].size());
  }
  return dataset;
}

Error nothing_to_train_on(const Recipe& recipe, std::size_t held_out, const Counts& left_out) {
  std::string reasons;
  for (const auto& [reason, count] : left_out) {
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", reason, count);
  }
  return {ErrorCode::kInvalid,
          fmt::format("dataset '{}' would have nothing to train on: {} interactions held out; "
                      "left out: {}. docs/formats/dataset.md says what each reason means",
                      recipe.name, held_out,
                      reasons.empty() ? "none, for there is no feedback yet" : reasons)};
}

Result<void> write_rows(store::Database& database, const Dataset& dataset, const Recipe& recipe,
                        const std::vector<Example>& examples) {
  return database.transaction([&]() -> Result<void> {
    auto written = database.execute(
        "INSERT INTO dataset (digest, name, recipe, folder, seed, examples, counts, left_out,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET folder = excluded.folder",
        {dataset.digest, dataset.name, recipe.text, dataset.folder, dataset.seed, dataset.examples,
         json::serialize(counts_object(dataset)), json::serialize(to_json(dataset.left_out)),
         dataset.created_at});
    if (!written) return fail(written.error());
    for (const auto& example : examples) {
      for (const auto* candidate : example.from) {
        written = database.execute(
            "INSERT INTO dataset_example (dataset_digest, example_id, kind, split, interaction_id,"
            " person_id) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (dataset_digest, example_id, interaction_id) DO NOTHING",
            {dataset.digest, example.id, example.kind, example.split, candidate->interaction,
             candidate->person});
        if (!written) return fail(written.error());
      }
    }
    return {};
  });
}

}  // namespace

Result<Dataset> build_dataset(store::Database& database, const Recipe& recipe,
                              const std::string& root, Clock& clock) {
  auto candidates = load_candidates(database, recipe.dataset);
  if (!candidates) return fail(candidates.error());
  const auto examples = select_examples(candidates->rows, recipe.dataset);
  for (const auto& candidate : candidates->rows) {
    if (!candidate.left_out.empty()) ++candidates->left_out[std::string(candidate.left_out)];
  }
  const auto held_out =
      static_cast<std::size_t>(std::ranges::count(examples, kHeldOutSplit, &Example::split));
  if (held_out == examples.size()) {
    return fail(nothing_to_train_on(recipe, held_out, candidates->left_out));
  }
  const Dataset dataset = describe(recipe, examples, std::move(candidates->left_out), root, clock);
  if (auto written = write_dataset_folder(dataset, recipe, examples); !written) {
    return fail(written.error());
  }
  if (auto written = write_rows(database, dataset, recipe, examples); !written) {
    return fail(written.error());
  }
  return find_dataset(database, dataset.digest);
}

Result<std::vector<Dataset>> list_datasets(store::Database& database) {
  auto rows = database.query(fmt::format("{} ORDER BY created_at DESC, digest", kColumns));
  if (!rows) return fail(rows.error());
  std::vector<Dataset> datasets;
  for (const auto row : *rows) {
    auto dataset = read_row(row);
    if (!dataset) return fail(dataset.error());
    datasets.push_back(std::move(*dataset));
  }
  return datasets;
}

Result<Dataset> find_dataset(store::Database& database, std::string_view digest) {
  // A digest is hex, so that nothing in it means anything to LIKE.
  const bool is_hex =
      !digest.empty() && digest.find_first_not_of("0123456789abcdef") == digest.npos;
  auto rows = database.query(fmt::format("{} WHERE digest LIKE ?", kColumns),
                             {is_hex ? std::string(digest) + "%" : std::string()});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no dataset '{}'; see `hone dataset list`", digest));
  }
  if (rows->size() > 1) {
    return fail(ErrorCode::kConflict,
                fmt::format("'{}' begins the digests of {} datasets; give more of it", digest,
                            rows->size()));
  }
  return read_row(rows->front());
}

json::object to_json(const Counts& counts) {
  json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

json::object to_json(const Dataset& dataset) {
  json::object counts;
  for (const auto& [split, by_kind] : dataset.counts) counts[split] = to_json(by_kind);
  return {{"digest", dataset.digest},
          {"name", dataset.name},
          {"folder", dataset.folder},
          {"seed", dataset.seed},
          {"examples", dataset.examples},
          {"counts", std::move(counts)},
          {"left_out", to_json(dataset.left_out)},
          {"people", to_json(dataset.people)},
          {"created_at", to_text(dataset.created_at)}};
}

}  // namespace hone::curate
