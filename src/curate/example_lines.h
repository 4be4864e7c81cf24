// Single examples out of a dataset's files. Their lines are sorted by id, so one of a million is
// found by halving, in some twenty small reads, and nothing is held.
//
//   auto lines = ExampleLines::open(dataset);
//   auto line = (*lines)->find(kTrainSplit, "ex_0f…");       // Result<std::optional<std::string>>
//
// Blocking; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "curate/dataset.h"

namespace hone::curate {

class ExampleLines {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ExampleLines>> open(const Dataset& dataset);

  // The line without its end. Nothing where the split has no such example, or where its line no
  // longer begins with its id (it was erased). kTooLarge where the line is over `most_bytes`.
  [[nodiscard]] Result<std::optional<std::string>> find(std::string_view split, std::string_view id,
                                                        std::size_t most_bytes);

 private:
  struct Lines {
    std::string path;
    std::unique_ptr<File> file;
    std::uint64_t size = 0;
  };
  ExampleLines() = default;

  std::map<std::string, Lines, std::less<>> splits_;
};

}  // namespace hone::curate
