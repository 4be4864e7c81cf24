// The seam behind Database: what SQLite and PostgreSQL each do in their own way. One thread at a
// time; Database holds the mutex. Errors are Database's (database.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace hone::store {

class Connection {
 public:
  // Statements kept prepared; all are dropped when one more would be needed.
  static constexpr std::size_t kMaxPrepared = 256;

  virtual ~Connection() = default;
  struct Answer {
    Rows rows;
    std::int64_t changed = 0;
  };
  [[nodiscard]] virtual Result<Answer> run(std::string_view sql, const Params& params) = 0;
  [[nodiscard]] virtual Result<void> script(std::string_view sql) = 0;
  [[nodiscard]] virtual Result<void> begin() = 0;
  [[nodiscard]] virtual Result<void> commit() = 0;
  virtual void rollback() = 0;  // also when the database has done so already
  // In a transaction: keeps other processes from migrating until it ends.
  [[nodiscard]] virtual Result<void> lock_schema() = 0;
  [[nodiscard]] virtual Result<std::int64_t> change_counter() = 0;
  [[nodiscard]] virtual std::string name() const = 0;
};

[[nodiscard]] Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path,
                                                              const DatabaseOptions& options);
[[nodiscard]] Result<std::unique_ptr<Connection>> open_postgres(const std::string& url,
                                                                const DatabaseOptions& options);

// `?` to $1, $2, …, but for those in quotes and comments.
[[nodiscard]] std::string number_parameters(std::string_view sql);

}  // namespace hone::store
