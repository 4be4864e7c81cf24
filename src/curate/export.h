// Training examples in the forms of others' trainers (docs/formats/dataset.md, "Exports"). A folder
// of them is whole or not there, and costs the memory of one example.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"

namespace hone::curate {

[[nodiscard]] std::vector<std::string> export_formats();  // trl, sharegpt, openai, torchtune

// Makes `folder`, which must not be there (kConflict): a file KIND.jsonl for each kind of examples
// that the format has a form for, and dataset.json, which is returned: what the files are and how
// the trainer takes them. kNotFound where no example has a form in it.
[[nodiscard]] Result<json::object> export_dataset(const Dataset& dataset, std::string_view format,
                                                  const std::string& folder);

}  // namespace hone::curate
