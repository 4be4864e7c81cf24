#include "cli/workspace.h"

#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "cli/mining.h"

namespace hone::cli {
namespace {

Result<std::string> load_or_make_key(const std::string& path) {
  auto key = read_file(posix_files(), path, 4096);
  if (key) {
    if (key->size() < 32) {
      return fail(ErrorCode::kCorrupt,
                  path +
                      " is too short to be a key; restore it from a backup, or remove it to "
                      "start with an empty data folder");
    }
    return key;
  }
  if (key.error().code != ErrorCode::kNotFound) return key;
  const std::string fresh = hex(secret_bytes(32));
  if (auto written = write_file_atomically(posix_files(), path, fresh); !written) {
    return fail(written.error());
  }
  return fresh;
}

Result<std::unique_ptr<privacy::Redactor>> make_redactor(std::string_view key,
                                                         const Settings& settings) {
  const auto policy = redaction_policy(settings.privacy);
  if (!policy) return fail(policy.error());
  return privacy::Redactor::create(key, *policy);
}

}  // namespace

Result<std::unique_ptr<privacy::Redactor>> open_redactor(const Settings& settings) {
  if (auto made = posix_files().make_folder(settings.data); !made) return fail(made.error());
  auto key = load_or_make_key(settings.data + "/tenant.key");
  if (!key) return fail(key.error());
  return make_redactor(*key, settings);
}

Workspace::Workspace(Settings settings)
    : ids_(clock_, Random::from_system()), settings_(std::move(settings)) {}

std::string Workspace::folder(std::string_view name) const {
  return settings_.data + "/" + std::string(name);
}

std::string Workspace::absolute_folder(std::string_view name) const {
  return std::filesystem::absolute(folder(name)).lexically_normal().string();
}

Result<std::unique_ptr<Workspace>> Workspace::open(const Settings& settings) {
  std::unique_ptr<Workspace> workspace(new Workspace(settings));
  if (auto made = posix_files().make_folder(settings.data); !made) return fail(made.error());
  auto key = load_or_make_key(workspace->folder("tenant.key"));
  if (!key) return fail(key.error());
  workspace->tenant_key_ = std::move(*key);
  auto database = workspace->connect();
  if (!database) return fail(database.error());
  workspace->database_ = std::move(*database);
  if (auto migrated = workspace->database_->migrate(); !migrated) return fail(migrated.error());
  auto redactor = make_redactor(workspace->tenant_key_, settings);
  if (!redactor) return fail(redactor.error());
  workspace->redactor_ = std::move(*redactor);
  return workspace;
}

Result<std::unique_ptr<store::Database>> Workspace::connect() const {
  return store::Database::open("sqlite:" + folder("hone.db"));
}

store::IndexerOptions Workspace::indexer_options(std::string outbox) const {
  return {.name = std::move(outbox),
          .compress = settings_.store.compress,
          .waiting_keep = std::chrono::days(settings_.store.waiting_days),
          .waiting_at_most = settings_.store.waiting_at_most};
}

Result<void> Workspace::capture(std::vector<store::OutboxRecord> records) {
  const std::string name = "command-" + std::to_string(::getpid());
  const std::string path = folder("outbox/" + name);
  auto outbox = store::Outbox::open(posix_files(), path, clock_);
  if (!outbox) return fail(outbox.error());
  store::Indexer indexer(**outbox, *database_, clock_, indexer_options(name));
  if (auto appended = append_all(**outbox, records); !appended) return appended;
  if (auto indexed = indexer.run_until_idle(); !indexed) return indexed;
  if (auto closed = (*outbox)->close(); !closed) return closed;
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  return {};
}

}  // namespace hone::cli
