// The names that requests may ask for: the base model, and adapters over it, which come and go
// while others answer. Thread-safe; an adapter that was unloaded serves out what it is answering.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/serve/serving_model.h"

namespace hone::engine {

class ServedModels {
 public:
  // Borrows `model`. `folder` is where it came from, for the list.
  ServedModels(const ServingModel& model, std::string name, std::string folder);

  using Adapter = std::shared_ptr<const ServingAdapter>;
  // The adapter of that name; null for the base model. kNotFound names what is served.
  [[nodiscard]] Result<Adapter> find(const std::string& name) const;

  // Reads the files; from a worker thread. The same name and folder again is no error; another
  // folder is kConflict.
  [[nodiscard]] Result<void> load(const std::string& name, const std::string& folder);
  [[nodiscard]] Result<void> unload(const std::string& name);

  struct Entry {
    std::string name;
    std::string folder;
    std::string parent;  // empty for the base model
  };
  [[nodiscard]] std::vector<Entry> list() const;  // the base model first

 private:
  const ServingModel& model_;
  const std::string name_;
  const std::string folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Adapter> adapters_;
};

}  // namespace hone::engine
