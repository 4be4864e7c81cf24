// The models that may serve, each named by the digest of its files, and the aliases that tools ask
// for.
//
//   auto base = add_base(db, folder, "smollm2-135m-instruct", true, now);
//   auto adapter = add_adapter(db, run.folder + "/adapter", base->digest, run.id, now);
//   load_lora_adapter(serving_name(*adapter), adapter->folder)      // after verify_model(*adapter)
//   set_alias(db, "assistant", "engine", base->digest, now);
//
// Blocking; from a worker thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace hone::store {
class Database;
}

namespace hone::release {

struct Model {
  std::string digest;
  std::string name;
  std::string kind;    // "base" or "adapter"
  std::string parent;  // digest of an adapter's base; empty for a base
  std::string run_id;  // empty for what was not trained here
  std::string folder;  // Hugging Face layout
  bool trainable = false;
  Time created_at{};
};

// What an upstream serves it as: a base by its name, an adapter as "hone-" and 12 digits of its
// digest.
[[nodiscard]] std::string serving_name(const Model& model);

// SHA-256 over the folder's files: their paths in it, sorted, with size and SHA-256. Links and
// files of other kinds are refused, an empty folder too.
[[nodiscard]] Result<std::string> folder_digest(const std::string& folder);

// Adding the same bytes twice gives the first row back. kInvalid where the folder is no such model.
[[nodiscard]] Result<Model> add_base(store::Database& database, const std::string& folder,
                                     std::string_view name, bool trainable, Time now);
[[nodiscard]] Result<Model> add_adapter(store::Database& database, const std::string& folder,
                                        std::string_view base_digest, std::string_view run_id,
                                        Time now);

// By digest, by a beginning of one (at least 6 digits) that fits one only, or by a base's name.
[[nodiscard]] Result<Model> find_model(store::Database& database, std::string_view name);
[[nodiscard]] Result<std::vector<Model>> list_models(store::Database& database);  // newest first

// Reads every byte again; kCorrupt where the digest is another. Call before loading.
[[nodiscard]] Result<void> verify_model(const Model& model);

struct Alias {
  std::string name;
  std::string upstream;  // a name of the configuration
  std::string model;     // digest, or a name that the upstream knows and the registry does not
  Time changed_at{};
};

// kConflict while a release of the alias runs.
[[nodiscard]] Result<void> set_alias(store::Database& database, std::string_view name,
                                     std::string_view upstream, std::string_view model, Time now);
[[nodiscard]] Result<Alias> find_alias(store::Database& database, std::string_view name);
[[nodiscard]] Result<std::vector<Alias>> list_aliases(store::Database& database);

[[nodiscard]] json::object to_json(const Model& model);
[[nodiscard]] json::object to_json(const Alias& alias);

}  // namespace hone::release
