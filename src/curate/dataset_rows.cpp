#include "curate/dataset_rows.h"

#include "curate/example.h"

namespace hone::curate {
namespace {

// Column `counts` holds the splits, and the people beside them.
json::object counts_object(const Dataset& dataset) {
  json::object object{{"people", to_json(dataset.people)}};
  for (const auto& [split, by_kind] : dataset.counts) object[split] = to_json(by_kind);
  return object;
}

}  // namespace

Counts read_counts(const json::object& object, std::string_view name) {
  Counts counts;
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_object()) return counts;
  for (const auto& member : value->get_object()) {
    if (const auto* number = member.value().if_int64()) counts[member.key()] = *number;
  }
  return counts;
}

void read_split_counts(const json::object& counts, Dataset& dataset) {
  for (const auto split : {kTrainSplit, kHeldOutSplit}) {
    dataset.counts[std::string(split)] = read_counts(counts, split);
  }
}

Result<void> write_dataset_row(store::Database& database, const Dataset& dataset,
                               std::string_view recipe_text) {
  auto written = database.execute(
      "INSERT INTO dataset (digest, name, recipe, folder, seed, examples, counts, left_out,"
      " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT (digest) DO UPDATE SET folder = excluded.folder",
      {dataset.digest, dataset.name, recipe_text, dataset.folder, dataset.seed, dataset.examples,
       json::serialize(counts_object(dataset)), json::serialize(to_json(dataset.left_out)),
       dataset.created_at});
  if (!written) return fail(written.error());
  return {};
}

Result<void> ExampleRows::add(const Row& row) {
  constexpr std::size_t kRows = 100;
  sql_ += params_.empty() ? "(?, ?, ?, ?, ?, ?)" : ", (?, ?, ?, ?, ?, ?)";
  for (store::Value value :
       {store::Value(digest_), store::Value(row.example), store::Value(row.kind),
        store::Value(row.split), store::Value(row.interaction), store::Value(row.person)}) {
    params_.push_back(std::move(value));
  }
  return ++rows_ < kRows ? Result<void>() : flush();
}

Result<void> ExampleRows::flush() {
  if (rows_ == 0) return {};
  auto written = database_.execute(
      "INSERT INTO dataset_example (dataset_digest, example_id, kind, split, interaction_id,"
      " person_id) VALUES " +
          sql_ + " ON CONFLICT (dataset_digest, example_id, interaction_id) DO NOTHING",
      params_);
  sql_.clear();
  params_.clear();
  rows_ = 0;
  if (!written) return fail(written.error());
  return {};
}

}  // namespace hone::curate
