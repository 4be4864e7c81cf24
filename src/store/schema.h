// The tables, as numbered migrations that only ever grow: a landed one is never edited. What each
// table means for a reader with `sqlite3` or `psql` is in docs/formats/database.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace hone::store {

struct Migration {
  int number;
  std::string_view title;
  std::string_view sql;  // statements separated by semicolons; for in_dialect
};

[[nodiscard]] const std::vector<Migration>& migrations();

// kUnavailable where a newer Hone has migrated the database: what an older one writes would fail,
// or not be found. To be asked in the transaction that writes.
[[nodiscard]] Result<void> check_schema(Database& db);

// The SQL of a migration as that database has it: the words that stand for what only one of them
// has ("@id@": a number that the database gives each row) become its own.
[[nodiscard]] std::string in_dialect(std::string_view sql, Database::Dialect dialect);

}  // namespace hone::store
