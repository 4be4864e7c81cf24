// An opened data folder: what every command and the server start from.
//
//   DATA/hone.db         SQLite: everything indexed (docs/formats/database.md)
//   DATA/tenant.key      the secret under which blocks and pseudonyms are named; keep it, back it
//   up DATA/outbox/NAME/    journals on their way into the database (docs/formats/outbox.md)
//   DATA/datasets/ runs/ models/
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "cli/settings.h"
#include "privacy/redactor.h"
#include "store/database.h"
#include "store/indexer.h"
#include "store/outbox.h"

namespace hone::cli {

// The redactor of a data folder: its key, made where it is missing, and the settings' policy. No
// database is opened.
[[nodiscard]] Result<std::unique_ptr<privacy::Redactor>> open_redactor(const Settings& settings);

class Workspace {
 public:
  // Makes the folder, key and tables where they are missing.
  [[nodiscard]] static Result<std::unique_ptr<Workspace>> open(const Settings& settings);

  // A connection of its own for a thread of its own.
  [[nodiscard]] Result<std::unique_ptr<store::Database>> connect() const;

  // How an outbox of that name is indexed, as the settings say.
  [[nodiscard]] store::IndexerOptions indexer_options(std::string outbox) const;

  // For a command that captures: its records go through an outbox of its own into the database,
  // which has them when this returns.
  [[nodiscard]] Result<void> capture(std::vector<store::OutboxRecord> records);

  [[nodiscard]] store::Database& database() { return *database_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] IdSource& ids() { return ids_; }
  [[nodiscard]] const privacy::Redactor& redactor() const { return *redactor_; }
  // From now on it goes by the rules of `other`, which was made with the same key.
  void take_rules_of(const privacy::Redactor& other) { redactor_->take_rules_of(other); }
  [[nodiscard]] const std::string& tenant_key() const { return tenant_key_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] std::string folder(std::string_view name) const;  // DATA/name
  // The same as an absolute path, for what is written down and outlives this process.
  [[nodiscard]] std::string absolute_folder(std::string_view name) const;

 private:
  explicit Workspace(Settings settings);
  SystemClock clock_;
  IdSource ids_;
  Settings settings_;
  std::string tenant_key_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<privacy::Redactor> redactor_;
};

}  // namespace hone::cli
