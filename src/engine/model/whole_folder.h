// A folder that appears whole or not at all: it is filled beside its place, under `part()`,
// and renamed when it is complete.
//
//   auto folder = WholeFolder::begin("models/merged", false);
//   write(folder->part() + "/config.json");
//   folder->finish();
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace hone::engine {

class WholeFolder {
 public:
  // An existing folder is kConflict unless `replace`; it stays until `finish`.
  [[nodiscard]] static Result<WholeFolder> begin(std::string folder, bool replace);
  WholeFolder(WholeFolder&& other) noexcept;
  WholeFolder& operator=(WholeFolder&& other) noexcept = delete;
  ~WholeFolder();  // removes what was not finished

  [[nodiscard]] const std::string& folder() const { return folder_; }  // until `finish`
  [[nodiscard]] std::string part() const { return folder_ + ".part"; }
  [[nodiscard]] Result<void> finish();

 private:
  explicit WholeFolder(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;  // empty: nothing to remove
};

}  // namespace hone::engine
