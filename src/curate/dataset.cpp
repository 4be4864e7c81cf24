#include "curate/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "curate/candidate.h"
#include "curate/dataset_folder.h"
#include "curate/dataset_leftovers.h"
#include "curate/dataset_rows.h"
#include "curate/example.h"
#include "curate/select.h"
#include "store/database.h"

namespace hone::curate {
namespace {

constexpr std::string_view kColumns =
    "SELECT digest, name, folder, seed, examples, counts, left_out, created_at FROM dataset";

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
  read_split_counts(*counts, dataset);
  dataset.people = read_counts(*counts, "people");
  dataset.left_out = read_counts(*left_out, "all");
  return dataset;
}

// All but digest and folder.
Dataset describe(const Recipe& recipe, const std::vector<Example>& examples, Counts left_out,
                 Clock& clock) {
  Dataset dataset;
  dataset.name = recipe.name;
  dataset.seed = recipe.dataset.seed;
  dataset.examples = static_cast<std::int64_t>(examples.size());
  dataset.left_out = std::move(left_out);
  dataset.created_at = clock.now();
  std::map<std::string_view, std::set<std::string_view>> people;
  for (const auto split : {kTrainSplit, kHeldOutSplit}) dataset.counts[std::string(split)];
  for (const auto& example : examples) {
    ++dataset.counts[std::string(example.split)][std::string(example.kind)];
    for (const auto* candidate : {example.first, example.second}) {
      if (candidate != nullptr) people[example.split].insert(candidate->person);
    }
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
    if (auto written = write_dataset_row(database, dataset, recipe.text); !written) return written;
    ExampleRows rows(database, dataset.digest);
    for (const auto& example : examples) {
      const std::string id = example.id();
      for (const auto* candidate : {example.first, example.second}) {
        if (candidate == nullptr) continue;
        auto added = rows.add({.example = id,
                               .kind = example.kind,
                               .split = example.split,
                               .interaction = candidate->interaction,
                               .person = candidate->person});
        if (!added) return added;
      }
    }
    return rows.flush();
  });
}

}  // namespace

Result<Dataset> build_dataset(store::Database& database, const Recipe& recipe,
                              const std::string& root, Clock& clock) {
  settle_leftovers(database, root, clock);
  constexpr double kNearEvaluation = 0.8;  // where the recipe names no likeness of its own
  const double likeness =
      recipe.dataset.near_duplicates > 0 ? recipe.dataset.near_duplicates : kNearEvaluation;
  auto sets = EvaluationSets::load(recipe.dataset.decontaminate, recipe.dataset.decontaminate_words,
                                   likeness);
  if (!sets) return fail(sets.error());
  auto candidates = load_candidates(database, recipe.dataset, *sets);
  if (!candidates) return fail(candidates.error());
  const Selection selection = select_examples(*candidates, recipe.dataset);
  const std::vector<Example>& examples = selection.examples;
  for (const auto& candidate : candidates->rows) {
    if (!candidate.left_out.empty()) ++candidates->left_out[std::string(candidate.left_out)];
  }
  const auto held_out =
      static_cast<std::size_t>(std::ranges::count(examples, kHeldOutSplit, &Example::split));
  if (held_out == examples.size()) {
    return fail(nothing_to_train_on(recipe, held_out, candidates->left_out));
  }
  if (auto known = check_mix(*candidates, recipe.dataset); !known) return fail(known.error());
  Dataset dataset = describe(recipe, examples, std::move(candidates->left_out), clock);
  auto written = write_dataset_folder(database, recipe, sets->digest(), root, selection, dataset);
  if (!written) return fail(written.error());
  if (written = write_rows(database, dataset, recipe, examples); !written) {
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
