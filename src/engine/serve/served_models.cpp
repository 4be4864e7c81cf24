#include "engine/serve/served_models.h"

namespace hone::engine {

ServedModels::ServedModels(const ServingModel& model, std::string name, std::string folder)
    : model_(model), name_(std::move(name)), folder_(std::move(folder)) {}

Result<ServedModels::Adapter> ServedModels::find(const std::string& name) const {
  if (name == name_) return Adapter();
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  if (found != adapters_.end()) return found->second;
  std::string message = "the model '" + name + "' does not exist; served are '" + name_ + "'";
  for (const auto& [known, adapter] : adapters_) message += ", '" + known + "'";
  return fail(ErrorCode::kNotFound, std::move(message));
}

Result<void> ServedModels::load(const std::string& name, const std::string& folder) {
  if (name.empty()) return fail(ErrorCode::kInvalid, "field 'lora_name' must not be empty");
  const auto check = [&]() -> Result<bool> {  // true: it is there already
    if (name == name_) return fail(ErrorCode::kConflict, "'" + name + "' is the base model's name");
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) return false;
    if (found->second->folder == folder) return true;
    return fail(ErrorCode::kConflict,
                "'" + name + "' is loaded from " + found->second->folder + "; unload it first");
  };
  {
    const std::lock_guard lock(mutex_);
    auto there = check();
    if (!there) return fail(there.error());
    if (*there) return {};
  }
  auto adapter = load_serving_adapter(name, folder, model_);
  if (!adapter) return fail(adapter.error().with("adapter '" + name + "'"));
  const std::lock_guard lock(mutex_);
  auto there = check();  // somebody may have been faster
  if (!there) return fail(there.error());
  if (!*there) adapters_[name] = std::move(*adapter);
  return {};
}

Result<void> ServedModels::unload(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (adapters_.erase(name) == 1) return {};
  return fail(ErrorCode::kNotFound, "no adapter '" + name + "' is loaded");
}

std::vector<ServedModels::Entry> ServedModels::list() const {
  std::vector<Entry> entries{{name_, folder_, ""}};
  const std::lock_guard lock(mutex_);
  for (const auto& [name, adapter] : adapters_) entries.push_back({name, adapter->folder, name_});
  return entries;
}

}  // namespace hone::engine
