// The tables, as numbered migrations that only ever grow: a landed one is never edited. What each
// table means for a reader with `sqlite3` or `psql` is in docs/formats/database.md.
#pragma once

#include <string_view>
#include <vector>

namespace hone::store {

struct Migration {
  int number;
  std::string_view title;
  std::string_view sql;  // statements separated by semicolons
};

[[nodiscard]] const std::vector<Migration>& migrations();

}  // namespace hone::store
