// The one way to SQL: SQLite or PostgreSQL behind the same calls and the same SQL text, with `?`
// for parameters (rewritten to $1, $2, … for PostgreSQL).
//
//   auto db = Database::open("sqlite:DATA/hone.db");          // or "postgres://user@host/name"
//   if (auto done = (*db)->migrate(); !done) return fail(done.error());
//   auto rows = (*db)->query("SELECT id, at FROM feedback WHERE person_id = ?", {person});
//   for (const Row row : *rows) use(row.text("id"), row.integer("at"));
//   auto done = (*db)->transaction([&]() -> Result<void> { …execute… });
//
// SQL is what both databases have. Of PostgreSQL's functions SQLite gets encode(bytes, 'hex') and
// decode(text, 'hex') from us (store/sqlite_functions.h).
//
// A Database is one connection. Every call is thread-safe; a transaction keeps other threads
// waiting until it ends. Parts that should work at the same time (indexer, API, a long export) open
// one each. Calls block: make them from a worker thread, not from a connection's loop.
//
// Errors: kUnavailable (locked by another process for longer than `busy_timeout`, server away, disk
// full: try again later), kConflict (a unique key exists), kInvalid (a value or statement the
// database refuses), kCorrupt (the file is damaged), kIo (the disk failed; the connection then
// refuses everything after, for a connection that has seen a failed sync cannot be trusted).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hone::store {

class Connection;  // one of SQLite, PostgreSQL: connection.h

// Bytes that are no text: a BLOB of SQLite, a BYTEA of PostgreSQL.
struct Bytes {
  std::string data;
};

// A value in or out of the database; std::monostate is NULL.
class Value {
 public:
  using Kinds = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool truth) : kinds_(std::int64_t{truth}) {}
  Value(int number) : kinds_(std::int64_t{number}) {}
  Value(std::int64_t number) : kinds_(number) {}
  Value(double number) : kinds_(number) {}
  Value(const char* text) : kinds_(std::string(text)) {}
  Value(std::string_view text) : kinds_(std::string(text)) {}
  Value(std::string text) : kinds_(std::move(text)) {}
  Value(Bytes bytes) : kinds_(std::move(bytes)) {}
  Value(Time time) : kinds_(to_millis(time)) {}
  template <typename T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value()) {}

  [[nodiscard]] const Kinds& kinds() const { return kinds_; }
  [[nodiscard]] bool is_null() const { return kinds_.index() == 0; }

 private:
  Kinds kinds_;
};

using Params = std::vector<Value>;

class Row;

// What a query found, in memory.
class Rows {
 public:
  class Iterator;

  Rows() = default;
  explicit Rows(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Value> values) { values_.push_back(std::move(values)); }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  [[nodiscard]] Row operator[](std::size_t index) const;
  [[nodiscard]] Row front() const;  // there must be one
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }

 private:
  friend class Row;
  std::vector<std::string> columns_;
  std::vector<std::vector<Value>> values_;
};

// One row of `Rows`, which must outlive it. A column that the query does not name is a bug of ours
// and asserts. NULL reads as 0, 0.0, false or ""; the optional forms tell it apart. Text is not
// bytes, nor bytes text: either reads as "" where the other is asked for.
class Row {
 public:
  Row(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}

  [[nodiscard]] const Value& at(std::size_t column) const;
  [[nodiscard]] const Value& at(std::string_view column) const;

  // Column: an index or a name.
  [[nodiscard]] std::int64_t integer(auto column) const { return to_integer(at(column)); }
  [[nodiscard]] double real(auto column) const { return to_real(at(column)); }
  [[nodiscard]] const std::string& text(auto column) const { return to_text(at(column)); }
  [[nodiscard]] const std::string& bytes(auto column) const { return to_bytes(at(column)); }
  [[nodiscard]] bool truth(auto column) const { return integer(column) != 0; }
  [[nodiscard]] Time time(auto column) const { return from_millis(integer(column)); }
  [[nodiscard]] bool is_null(auto column) const { return at(column).is_null(); }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(auto column) const {
    return is_null(column) ? std::nullopt : std::optional(integer(column));
  }
  [[nodiscard]] std::optional<double> optional_real(auto column) const {
    return is_null(column) ? std::nullopt : std::optional(real(column));
  }
  [[nodiscard]] std::optional<std::string> optional_text(auto column) const {
    return is_null(column) ? std::nullopt : std::optional(text(column));
  }

 private:
  static std::int64_t to_integer(const Value& value);
  static double to_real(const Value& value);
  static const std::string& to_text(const Value& value);
  static const std::string& to_bytes(const Value& value);
  const Rows* rows_;
  std::size_t index_;
};

class Rows::Iterator {
 public:
  Iterator(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}
  Row operator*() const { return Row(*rows_, index_); }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  const Rows* rows_;
  std::size_t index_;
};

struct DatabaseOptions {
  std::chrono::milliseconds busy_timeout{5000};  // how long to wait for another's lock, or a server
  std::chrono::milliseconds statement_timeout{60000};  // PostgreSQL: how long an answer may take
};

class Database {
 public:
  enum class Dialect { kSqlite, kPostgres };

  // "sqlite:PATH" (made if absent; its folder must exist) or "postgres://…", "postgresql://…".
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& url,
                                                              DatabaseOptions options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] Result<Rows> query(std::string_view sql, const Params& params = {});
  // Returns the number of rows that changed.
  [[nodiscard]] Result<std::int64_t> execute(std::string_view sql, const Params& params = {});
  // Several statements without parameters or results, separated by semicolons.
  [[nodiscard]] Result<void> execute_script(std::string_view sql);

  // Runs `body` in a write transaction; commits if it succeeds, else rolls back and returns its
  // error. Not nestable: `body` must not call transaction() again.
  [[nodiscard]] Result<void> transaction(const std::function<Result<void>()>& body);

  // Brings the tables up to date; refuses a database that a newer Hone has migrated further.
  [[nodiscard]] Result<void> migrate();

  // A number that has changed if another connection has committed since the last call; it may also
  // change for no reason. Cheap enough to ask several times a second.
  [[nodiscard]] Result<std::int64_t> change_counter();

  [[nodiscard]] Dialect dialect() const { return dialect_; }
  // For messages: the file, or host and database name; never a password.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Database(Dialect dialect, std::string name, std::unique_ptr<Connection> connection);
  const Dialect dialect_;
  const std::string name_;
  std::recursive_mutex mutex_;  // recursive: a transaction's body calls query and execute
  bool in_transaction_ = false;
  std::unique_ptr<Connection> connection_;
};

}  // namespace hone::store
