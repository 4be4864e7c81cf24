// JSON lines as a Parquet file, for whoever reads tables: `datasets`, pandas, DuckDB. The same
// lines and columns give the same bytes with the same Arrow. A group of rows is held at a time, so
// that memory does not grow with the file; the lines are read twice. Blocking; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::table {

// Bounds of a row group, whichever is reached first. Readers hold whole groups too.
struct GroupLimits {
  std::int64_t rows = 10'000;
  std::size_t bytes = 32U << 20;  // of lines
};

// `columns` as table/columns.h has them. Returns how many rows were written; after an error, which
// names the file and line, there is no file at `parquet_file`. It is not synced.
[[nodiscard]] Result<std::int64_t> write_parquet(std::string_view columns,
                                                 const std::string& lines_file,
                                                 const std::string& parquet_file,
                                                 const GroupLimits& limits = {});

}  // namespace hone::table
