// Training examples in the forms of others' trainers (docs/formats/dataset.md, "Exports"). A folder
// of them is whole or not there, and costs the memory of one example.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "curate/dataset.h"

namespace hone::curate {

[[nodiscard]] std::vector<std::string> export_formats();  // trl, sharegpt, openai, torchtune

// Makes the Parquet file `to`, whole, of the JSON lines in `from`; `columns` as hone-parquet takes
// them, "id:string,prompt:messages" (docs/formats/dataset.md).
using ToParquet = std::function<Result<void>(const std::string& columns, const std::string& from,
                                             const std::string& to)>;

// Makes `folder`, which must not be there (kConflict): a file KIND.jsonl for each kind of examples
// that the format has a form for, and dataset.json, which is returned: what the files are and how
// the trainer takes them. kNotFound where no example has a form in it. With `to_parquet` the files
// are KIND.parquet, with the same rows; kInvalid where who takes the format takes no tables.
[[nodiscard]] Result<json::object> export_dataset(const Dataset& dataset, std::string_view format,
                                                  const std::string& folder,
                                                  const ToParquet& to_parquet = {});

}  // namespace hone::curate
