// SQLite: one file in WAL mode, synced at every commit.
#include <sqlite3.h>

#include <algorithm>
#include <unordered_map>

#include "store/connection.h"
#include "store/sqlite_functions.h"

namespace hone::store {
namespace {

ErrorCode kind_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
      return ErrorCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kDenied;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return ErrorCode::kIo;
    case SQLITE_TOOBIG:
      return ErrorCode::kTooLarge;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return ErrorCode::kInvalid;
    default:
      return ErrorCode::kInternal;
  }
}

class SqliteConnection final : public Connection {
 public:
  SqliteConnection(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  ~SqliteConnection() override {
    forget_statements();
    sqlite3_close(handle_);
  }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Result<Answer> run(std::string_view sql, const Params& params) override {
    if (dead_) return fail(*dead_);
    auto statement = prepared(sql);
    if (!statement) return fail(statement.error());
    auto answer = run_prepared(*statement, params);
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return answer;
  }

  Result<void> script(std::string_view sql) override {
    if (dead_) return fail(*dead_);
    const std::string text(sql);
    const int code = sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
    return {};
  }

  // Immediate: takes the write lock now, where waiting for it is possible; a lock wanted in the
  // middle of a transaction would fail at once.
  Result<void> begin() override { return script("BEGIN IMMEDIATE"); }
  Result<void> commit() override { return script("COMMIT"); }
  void rollback() override {
    if (sqlite3_get_autocommit(handle_) == 0) {
      sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }
  Result<void> lock_schema() override { return {}; }  // the write lock does it

  Result<std::int64_t> change_counter() override {
    auto answer = run("PRAGMA data_version", {});
    if (!answer) return fail(answer.error());
    return answer->rows.front().integer(std::size_t{0});
  }

  std::string name() const override { return path_; }

 private:
  Result<sqlite3_stmt*> prepared(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
    const std::string key(sql);
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v3(handle_, key.c_str(), static_cast<int>(key.size() + 1),
                                        SQLITE_PREPARE_PERSISTENT, &statement, &rest);
    if (code != SQLITE_OK) return fail(error(code).with(sql.substr(0, 200)));
    if (statement == nullptr) return fail(ErrorCode::kInvalid, "an empty SQL statement");
    if (statements_.size() >= kMaxPrepared) forget_statements();
    statements_.emplace(key, statement);
    return statement;
  }

  Result<Answer> run_prepared(sqlite3_stmt* statement, const Params& params) {
    if (sqlite3_bind_parameter_count(statement) != static_cast<int>(params.size())) {
      return fail(ErrorCode::kInvalid,
                  std::to_string(params.size()) + " parameters for: " + sqlite3_sql(statement));
    }
    for (std::size_t i = 0; i < params.size(); ++i) {
      const int code = bind(statement, static_cast<int>(i + 1), params[i]);
      if (code != SQLITE_OK) return fail(error(code));
    }
    const int count = sqlite3_column_count(statement);
    std::vector<std::string> columns;
    columns.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) columns.emplace_back(sqlite3_column_name(statement, i));
    Answer answer{.rows = Rows(std::move(columns))};
    const auto before = sqlite3_total_changes64(handle_);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      std::vector<Value> values;
      values.reserve(static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) values.push_back(column(statement, i));
      answer.rows.add(std::move(values));
    }
    if (code != SQLITE_DONE) return fail(error(code));
    answer.changed = sqlite3_total_changes64(handle_) - before;
    return answer;
  }

  static int bind(sqlite3_stmt* statement, int index, const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value.kinds())) {
      return sqlite3_bind_int64(statement, index, *number);
    }
    if (const auto* number = std::get_if<double>(&value.kinds())) {
      return sqlite3_bind_double(statement, index, *number);
    }
    if (const auto* text = std::get_if<std::string>(&value.kinds())) {
      // Static: the parameters outlive the statement's run, after which bindings are cleared.
      return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    }
    if (const auto* bytes = std::get_if<Bytes>(&value.kinds())) {
      return sqlite3_bind_blob64(statement, index, bytes->data.data(), bytes->data.size(),
                                 SQLITE_STATIC);
    }
    return sqlite3_bind_null(statement, index);
  }

  static Value column(sqlite3_stmt* statement, int index) {
    switch (sqlite3_column_type(statement, index)) {
      case SQLITE_NULL:
        return {};
      case SQLITE_INTEGER:
        return std::int64_t{sqlite3_column_int64(statement, index)};
      case SQLITE_FLOAT:
        return sqlite3_column_double(statement, index);
      case SQLITE_BLOB: {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, index));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
        return Bytes{bytes == nullptr ? std::string() : std::string(bytes, size)};
      }
      default:
        break;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
    return text == nullptr ? Value("") : Value(std::string(text, size));
  }

  Error error(int code) {
    const ErrorCode kind = kind_of(code);
    std::string message = "database " + path_ + ": ";
    if ((code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED) {
      message += "locked by another process";
    } else if (kind == ErrorCode::kCorrupt) {
      message += std::string(sqlite3_errstr(code)) + "; restore it from a backup";
    } else {
      message += sqlite3_errmsg(handle_);
    }
    Error error{kind, std::move(message)};
    // After a failed sync SQLite acknowledges later commits on the same connection all the same.
    if ((code & 0xFF) == SQLITE_IOERR) {
      dead_ = error.with("the disk failed earlier; restart once it is well");
    }
    return error;
  }

  void forget_statements() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    statements_.clear();
  }

  sqlite3* handle_;
  const std::string path_;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> statements_;
  std::optional<Error> dead_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path,
                                                const DatabaseOptions& options) {
  // Without a count of its memory, SQLite takes no lock for every piece of it.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(uncounted);
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
    sqlite3_close(handle);
    return fail(kind_of(code), "database " + path + ": " + why);
  }
  auto connection = std::make_unique<SqliteConnection>(handle, path);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  if (const int added = add_functions(handle); added != SQLITE_OK) {
    return fail(kind_of(added), "database " + path + ": " + sqlite3_errstr(added));
  }
  // The count reads the first pages, so that a file that is no database is refused here.
  // A cache of 16 MiB and a checkpoint every 32 MiB: a page that many records change is written
  // once for them all.
  for (const char* sql : {"SELECT count(*) FROM sqlite_master", "PRAGMA journal_mode = WAL",
                          "PRAGMA synchronous = FULL", "PRAGMA cache_size = -16384",
                          "PRAGMA wal_autocheckpoint = 8192"}) {
    if (auto set = connection->script(sql); !set) return fail(set.error());
  }
  return connection;
}

}  // namespace hone::store
