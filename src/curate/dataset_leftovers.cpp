#include "curate/dataset_leftovers.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "curate/dataset_folder.h"
#include "curate/dataset_rows.h"
#include "curate/lines.h"
#include "curate/rows_by_key.h"

namespace hone::curate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBuilding = "building-";
constexpr std::string_view kPart = ".part";
constexpr std::string_view kStale = ".stale";

bool is_digest_name(std::string_view name) {
  return name.size() == kFolderDigits && name.find_first_not_of("0123456789abcdef") == name.npos;
}

// Only the renaming is under the lock: a build of that recipe that begins now would be refused.
void discard_part(const std::string& root, const std::string& name) {
  const std::string building = root + "/" + name.substr(0, name.size() - kPart.size());
  const std::string stale = building + std::string(kStale);
  std::error_code error;
  {
    const auto lock = posix_files().lock(building + ".lock");
    if (!lock) return;                                  // it is being written
    if (!fs::exists(root + "/" + name, error)) return;  // and now it is done
    fs::remove_all(stale, error);
    fs::rename(root + "/" + name, stale, error);
  }
  if (!error) fs::remove_all(stale, error);
  if (error) {
    spdlog::warn("datasets/{}, which a build that was cut off left, cannot be removed: {}", name,
                 error.message());
  } else {
    spdlog::info("datasets/{} is removed: a build that was cut off left it", name);
  }
}

// The rows of a lineage's lines, some hundreds at a time. A line names the person of its first
// interaction only, so that persons come from the database.
class LineageRows {
 public:
  LineageRows(store::Database& database, const std::string& digest)
      : database_(database), rows_(database, digest) {}

  Result<void> add(const json::object& object) {
    auto example = field<std::string>(object, "example");
    if (!example) return fail(example.error());
    auto kind = field<std::string>(object, "kind");
    if (!kind) return fail(kind.error());
    auto split = field<std::string>(object, "split");
    if (!split) return fail(split.error());
    auto interactions = field<json::array>(object, "interactions");
    if (!interactions) return fail(interactions.error());
    for (const auto& interaction : *interactions) {
      auto id = as<std::string>(interaction, "interactions");
      if (!id) return fail(id.error());
      uses_.push_back({*example, *kind, *split, std::move(*id)});
    }
    constexpr std::size_t kUses = 500;
    return uses_.size() < kUses ? Result<void>() : write();
  }

  Result<void> finish() {
    if (auto written = write(); !written) return written;
    return rows_.flush();
  }

 private:
  struct Use {
    std::string example;
    std::string kind;
    std::string split;
    std::string interaction;
  };

  Result<void> write() {
    std::set<std::string> ids;
    for (const Use& use : uses_) ids.insert(use.interaction);
    std::unordered_map<std::string, std::string> persons;
    auto read = for_each_row(
        database_, "SELECT id, person_id FROM interaction WHERE id IN", ids,
        [&](const store::Row& row) { persons.emplace(row.text("id"), row.text("person_id")); });
    if (!read) return read;
    for (const Use& use : uses_) {
      const auto person = persons.find(use.interaction);
      if (person == persons.end()) {
        return fail(ErrorCode::kNotFound,
                    fmt::format("interaction {} is not in this database", use.interaction));
      }
      auto added = rows_.add({.example = use.example,
                              .kind = use.kind,
                              .split = use.split,
                              .interaction = use.interaction,
                              .person = person->second});
      if (!added) return added;
    }
    uses_.clear();
    return {};
  }

  store::Database& database_;
  ExampleRows rows_;
  std::vector<Use> uses_;
};

Result<Dataset> read_manifest(const json::object& manifest, const std::string& folder,
                              Clock& clock) {
  auto digest = field<std::string>(manifest, "digest");
  if (!digest) return fail(digest.error());
  auto name = field<std::string>(manifest, "name");
  if (!name) return fail(name.error());
  auto seed = field<std::int64_t>(manifest, "seed");
  if (!seed) return fail(seed.error());
  auto counts = field<json::object>(manifest, "counts");
  if (!counts) return fail(counts.error());
  if (digest->substr(0, kFolderDigits) != fs::path(folder).filename().string()) {
    return fail(ErrorCode::kCorrupt, "its manifest is of dataset " + *digest);
  }
  Dataset dataset;
  dataset.digest = std::move(*digest);
  dataset.name = std::move(*name);
  dataset.folder = folder;
  dataset.seed = *seed;
  read_split_counts(*counts, dataset);
  for (const auto& [split, by_kind] : dataset.counts) {
    for (const auto& [kind, count] : by_kind) dataset.examples += count;
  }
  dataset.left_out = read_counts(manifest, "left_out");
  dataset.people = read_counts(manifest, "people");
  dataset.created_at = clock.now();
  return dataset;
}

Result<void> adopt(store::Database& database, const std::string& folder, Clock& clock) {
  const auto manifest = manifest_head(folder);
  if (!manifest) return fail(manifest.error());
  const auto recipe = field<std::string>(*manifest, "recipe");
  if (!recipe) return fail(recipe.error());
  const auto dataset = read_manifest(*manifest, folder, clock);
  if (!dataset) return fail(dataset.error());
  return database.transaction([&]() -> Result<void> {
    if (auto written = write_dataset_row(database, *dataset, *recipe); !written) return written;
    LineageRows rows(database, dataset->digest);
    auto read =
        for_each_object(folder + "/lineage.jsonl",
                        [&](json::object& line, std::string_view) { return rows.add(line); });
    return read ? rows.finish() : read;
  });
}

Result<std::set<std::string>> known_folders(store::Database& database) {
  auto rows = database.query("SELECT digest FROM dataset");
  if (!rows) return fail(rows.error());
  std::set<std::string> known;
  for (const auto row : *rows) known.insert(row.text("digest").substr(0, kFolderDigits));
  return known;
}

void adopt_folders(store::Database& database, const std::string& root,
                   const std::vector<std::string>& names, Clock& clock) {
  const auto known = known_folders(database);
  if (!known) return;  // the build meets the same error, and tells it
  for (const auto& name : names) {
    if (known->contains(name)) continue;
    if (auto adopted = adopt(database, root + "/" + name, clock); !adopted) {
      spdlog::warn(
          "datasets/{} is in no table of this database and stays so: {}. Remove the folder if "
          "nobody needs it",
          name, adopted.error().message);
    } else {
      spdlog::info("datasets/{} is in the tables now: a build was cut off before it was", name);
    }
  }
}

}  // namespace

void settle_leftovers(store::Database& database, const std::string& root, Clock& clock) {
  const auto names = posix_files().list(root);
  if (!names) return;  // there was no build yet
  std::vector<std::string> folders;
  for (const auto& name : *names) {
    if (is_digest_name(name)) folders.push_back(name);
    if (!name.starts_with(kBuilding)) continue;
    if (name.ends_with(kPart)) discard_part(root, name);
    std::error_code ignored;
    if (name.ends_with(kStale)) fs::remove_all(root + "/" + name, ignored);
  }
  if (!folders.empty()) adopt_folders(database, root, folders, clock);
}

}  // namespace hone::curate
