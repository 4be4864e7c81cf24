// A map for a file that nobody has described, from its columns' names and what stands in them: a
// beginning for a person who knows the file. What it is not sure of it says in comments, and each
// column that it has no place for is named.
//
//   auto toml = guess_import_map("votes.csv.gz");      // parses as a map (capture/import_map.h)
#pragma once

#include <string>

#include "base/result.h"

namespace hone::capture {

// kInvalid where nothing in the file looks like a prompt or an answer: the message lists its
// columns. Reads the first few hundred records.
[[nodiscard]] Result<std::string> guess_import_map(const std::string& path);

}  // namespace hone::capture
