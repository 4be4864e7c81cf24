// Parquet files by hone-parquet, the program beside `hone` that is linked with Arrow: 62 MB of
// libraries that a server has no use for, so nothing of them is in `hone`. Its contract is files
// and an exit status (docs/formats/dataset.md, "Parquet"). From a thread that outlives the call.
#pragma once

#include <string>

#include "base/result.h"
#include "curate/export.h"

namespace hone::cli {

// With `program`, the path of hone-parquet. kNotFound, with how to get it, where it is not there: a
// build without Arrow leaves it out.
[[nodiscard]] Result<curate::ToParquet> parquet_writer(const std::string& program);

}  // namespace hone::cli
