#include "release/registry.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "release/rows.h"
#include "store/database.h"

namespace hone::release {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 1U << 20;
constexpr std::size_t kMostFiles = 10'000;
constexpr std::size_t kServingDigits = 12;
constexpr std::size_t kFewestDigits = 6;
constexpr std::string_view kServingPrefix = "hone-";
constexpr std::string_view kColumns =
    "SELECT digest, name, kind, parent, run_id, folder, trainable, created_at FROM model ";

Model model_of(const store::Row& row) {
  return {.digest = row.text("digest"),
          .name = row.text("name"),
          .kind = row.text("kind"),
          .parent = row.text("parent"),
          .run_id = row.text("run_id"),
          .folder = row.text("folder"),
          .trainable = row.truth("trainable"),
          .created_at = row.time("created_at")};
}

Result<std::string> file_digest(const std::string& path, std::uint64_t& size_bytes) {
  auto file = posix_files().open(path, FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  Sha256 hash;
  size_bytes = 0;
  while (true) {
    auto bytes = (*file)->read_at(size_bytes, kReadBytes);
    if (!bytes) return fail(bytes.error().with(path));
    if (bytes->empty()) break;
    hash.update(*bytes);
    size_bytes += bytes->size();
  }
  return hex(hash.finish());
}

// Paths of the regular files, relative to `folder`, sorted. A link could point at bytes that change
// without the folder changing, so it is refused.
Result<std::vector<std::string>> files_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  fs::recursive_directory_iterator entry(folder, error);
  const fs::recursive_directory_iterator end;
  for (; !error && entry != end; entry.increment(error)) {
    const auto kind = entry->symlink_status(error).type();
    if (error) break;
    const std::string relative = entry->path().lexically_relative(folder).generic_string();
    if (kind == fs::file_type::directory) continue;
    if (kind != fs::file_type::regular) {
      return fail(ErrorCode::kInvalid, folder + ": '" + relative + "' is not a plain file");
    }
    paths.push_back(relative);
    if (paths.size() > kMostFiles) {
      return fail(ErrorCode::kTooLarge, folder + " has more than 10,000 files");
    }
  }
  if (error) return fail(ErrorCode::kNotFound, "model folder " + folder + ": " + error.message());
  if (paths.empty()) return fail(ErrorCode::kInvalid, "model folder " + folder + " is empty");
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<void> require_files(const std::string& folder, std::string_view config,
                           std::string_view suffix) {
  const auto paths = files_in(folder);
  if (!paths) return fail(paths.error());
  const auto ends = [&](const std::string& path) { return path.ends_with(suffix); };
  const bool complete = std::find(paths->begin(), paths->end(), config) != paths->end() &&
                        std::any_of(paths->begin(), paths->end(), ends);
  if (complete) return {};
  return fail(ErrorCode::kInvalid, "model folder " + folder + " needs " + std::string(config) +
                                       " and *" + std::string(suffix));
}

Result<Model> add(store::Database& database, Model model) {
  const auto folder = fs::absolute(model.folder).lexically_normal().string();
  auto digest = folder_digest(folder);
  if (!digest) return fail(digest.error());
  model.digest = *digest;
  model.folder = folder;
  auto inserted = database.execute(
      "INSERT INTO model (digest, name, kind, parent, run_id, folder, trainable, created_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
      {model.digest, model.name, model.kind, model.parent, model.run_id, model.folder,
       model.trainable, model.created_at});
  if (!inserted) return fail(inserted.error());
  return find_model(database, model.digest);
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string serving_name(const Model& model) {
  if (model.kind == "base") return model.name;
  return std::string(kServingPrefix) + model.digest.substr(0, kServingDigits);
}

Result<std::string> folder_digest(const std::string& folder) {
  const auto paths = files_in(folder);
  if (!paths) return fail(paths.error());
  Sha256 hash;
  for (const auto& path : *paths) {
    std::uint64_t size_bytes = 0;
    const auto digest = file_digest(folder + "/" + path, size_bytes);
    if (!digest) return fail(digest.error());
    hash.update(*digest + " " + std::to_string(size_bytes) + " " + path + "\n");
  }
  return hex(hash.finish());
}

Result<Model> add_base(store::Database& database, const std::string& folder, std::string_view name,
                       bool trainable, Time now) {
  if (name.empty()) return fail(ErrorCode::kInvalid, "a base model needs a name");
  if (auto complete = require_files(folder, "config.json", ".safetensors"); !complete) {
    return fail(complete.error());
  }
  return add(database, {.name = std::string(name),
                        .kind = "base",
                        .folder = folder,
                        .trainable = trainable,
                        .created_at = now});
}

Result<Model> add_adapter(store::Database& database, const std::string& folder,
                          std::string_view base_digest, std::string_view run_id, Time now) {
  if (auto complete = require_files(folder, "adapter_config.json", "adapter_model.safetensors");
      !complete) {
    return fail(complete.error());
  }
  const auto base = find_model(database, base_digest);
  if (!base) return fail(base.error().with("base of the adapter"));
  return add(database, {.name = run_id.empty() ? "adapter" : std::string(run_id),
                        .kind = "adapter",
                        .parent = base->digest,
                        .run_id = std::string(run_id),
                        .folder = folder,
                        .trainable = base->trainable,
                        .created_at = now});
}

Result<Model> find_model(store::Database& database, std::string_view name) {
  std::string_view digits = name;
  if (digits.starts_with(kServingPrefix)) digits.remove_prefix(kServingPrefix.size());
  const bool short_digest = digits.size() >= kFewestDigits && is_hex(digits);
  auto rows = database.query(std::string(kColumns) +
                                 "WHERE digest = ? OR (kind = 'base' AND name = ?) OR digest LIKE ?"
                                 " ORDER BY created_at DESC, digest",
                             {name, name, short_digest ? std::string(digits) + "%" : ""});
  if (!rows) return fail(rows.error());
  if (rows->empty()) {
    return fail(ErrorCode::kNotFound, "no model '" + std::string(name) + "' in the registry");
  }
  for (const store::Row row : *rows) {
    if (row.text("digest") == name) return model_of(row);
  }
  if (rows->size() > 1) {
    return fail(ErrorCode::kConflict,
                "'" + std::string(name) + "' fits several models; give more of the digest");
  }
  return model_of(rows->front());
}

Result<std::vector<Model>> list_models(store::Database& database) {
  auto rows = database.query(std::string(kColumns) + "ORDER BY created_at DESC, digest");
  if (!rows) return fail(rows.error());
  std::vector<Model> models;
  for (const store::Row row : *rows) models.push_back(model_of(row));
  return models;
}

Result<void> verify_model(const Model& model) {
  const auto digest = folder_digest(model.folder);
  if (!digest) return fail(digest.error());
  if (*digest == model.digest) return {};
  return fail(ErrorCode::kCorrupt, "model " + model.digest.substr(0, kServingDigits) + ": " +
                                       model.folder + " has changed since it was registered");
}

Result<void> set_alias(store::Database& database, std::string_view name, std::string_view upstream,
                       std::string_view model, Time now) {
  if (name.empty() || model.empty()) {
    return fail(ErrorCode::kInvalid, "an alias needs a name and a model");
  }
  return database.transaction([&]() -> Result<void> {
    auto running = running_on(database, name);
    if (!running) return fail(running.error());
    if (!running->empty()) {
      return fail(ErrorCode::kConflict, "alias '" + std::string(name) + "' has release " +
                                            *running + " running; end it or roll it back first");
    }
    return write_alias(database, name, upstream, model, now);
  });
}

Result<Alias> find_alias(store::Database& database, std::string_view name) {
  auto rows =
      database.query("SELECT name, upstream, model, changed_at FROM alias WHERE name = ?", {name});
  if (!rows) return fail(rows.error());
  if (rows->empty()) return fail(ErrorCode::kNotFound, "no alias '" + std::string(name) + "'");
  return alias_of(rows->front());
}

Result<std::vector<Alias>> list_aliases(store::Database& database) {
  auto rows = database.query("SELECT name, upstream, model, changed_at FROM alias ORDER BY name");
  if (!rows) return fail(rows.error());
  std::vector<Alias> aliases;
  for (const store::Row row : *rows) aliases.push_back(alias_of(row));
  return aliases;
}

json::object to_json(const Model& model) {
  return {{"digest", model.digest},
          {"name", model.name},
          {"kind", model.kind},
          {"parent", model.parent},
          {"run", model.run_id},
          {"folder", model.folder},
          {"serving_name", serving_name(model)},
          {"trainable", model.trainable},
          {"created_at", to_text(model.created_at)}};
}

json::object to_json(const Alias& alias) {
  return {{"name", alias.name},
          {"upstream", alias.upstream},
          {"model", alias.model},
          {"changed_at", to_text(alias.changed_at)}};
}

}  // namespace hone::release
