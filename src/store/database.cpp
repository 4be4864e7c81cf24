#include "store/database.h"

#include "store/connection.h"
#include "store/schema.h"

namespace hone::store {

Row Rows::operator[](std::size_t index) const {
  HONE_ASSERT(index < values_.size());
  return Row(*this, index);
}
Row Rows::front() const {
  return (*this)[0];
}
Rows::Iterator Rows::begin() const {
  return Iterator(*this, 0);
}
Rows::Iterator Rows::end() const {
  return Iterator(*this, values_.size());
}

const Value& Row::at(std::size_t column) const {
  const auto& values = rows_->values_[index_];
  HONE_ASSERT(column < values.size());
  return values[column];
}

const Value& Row::at(std::string_view column) const {
  const auto& columns = rows_->columns_;
  std::size_t index = 0;
  while (index < columns.size() && columns[index] != column) ++index;
  return at(index);
}

std::int64_t Row::to_integer(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.kinds())) return *number;
  if (const auto* number = std::get_if<double>(&value.kinds())) {
    return static_cast<std::int64_t>(*number);
  }
  return 0;
}

double Row::to_real(const Value& value) {
  if (const auto* number = std::get_if<double>(&value.kinds())) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value.kinds())) {
    return static_cast<double>(*number);
  }
  return 0;
}

const std::string& Row::to_text(const Value& value) {
  static const std::string empty;
  const auto* text = std::get_if<std::string>(&value.kinds());
  return text == nullptr ? empty : *text;
}

const std::string& Row::to_bytes(const Value& value) {
  static const std::string empty;
  const auto* bytes = std::get_if<Bytes>(&value.kinds());
  return bytes == nullptr ? empty : bytes->data;
}

std::string number_parameters(std::string_view sql) {
  std::string numbered;
  numbered.reserve(sql.size() + 16);
  int count = 0;
  char quote = 0;
  bool comment = false;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (comment) {
      comment = c != '\n';
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '-' && sql.substr(i, 2) == "--") {
      comment = true;
    } else if (c == '?') {
      numbered += "$" + std::to_string(++count);
      continue;
    }
    numbered.push_back(c);
  }
  return numbered;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& url, DatabaseOptions options) {
  constexpr std::string_view kSqlite = "sqlite:";
  const bool sqlite = url.starts_with(kSqlite);
  if (!sqlite && !url.starts_with("postgres://") && !url.starts_with("postgresql://")) {
    return fail(ErrorCode::kInvalid,
                "a database is named sqlite:PATH or postgres://…; this names neither");
  }
  auto connection =
      sqlite ? open_sqlite(url.substr(kSqlite.size()), options) : open_postgres(url, options);
  if (!connection) return fail(connection.error());
  const auto dialect = sqlite ? Dialect::kSqlite : Dialect::kPostgres;
  std::string name = (*connection)->name();
  return std::unique_ptr<Database>(new Database(dialect, std::move(name), std::move(*connection)));
}

Database::Database(Dialect dialect, std::string name, std::unique_ptr<Connection> connection)
    : dialect_(dialect), name_(std::move(name)), connection_(std::move(connection)) {}
Database::~Database() = default;

Result<Rows> Database::query(std::string_view sql, const Params& params) {
  const std::lock_guard lock(mutex_);
  auto answer = connection_->run(sql, params);
  if (!answer) return fail(answer.error());
  return std::move(answer->rows);
}

Result<std::int64_t> Database::execute(std::string_view sql, const Params& params) {
  const std::lock_guard lock(mutex_);
  auto answer = connection_->run(sql, params);
  if (!answer) return fail(answer.error());
  return answer->changed;
}

Result<void> Database::execute_script(std::string_view sql) {
  const std::lock_guard lock(mutex_);
  return connection_->script(sql);
}

Result<void> Database::transaction(const std::function<Result<void>()>& body) {
  const std::lock_guard lock(mutex_);
  HONE_ASSERT(!in_transaction_);
  if (auto begun = connection_->begin(); !begun) return begun;
  // Ends the transaction also when the body throws.
  struct Ending {
    Database& db;
    bool committed = false;
    ~Ending() {
      if (!committed) db.connection_->rollback();
      db.in_transaction_ = false;
    }
  } ending{*this};
  in_transaction_ = true;
  if (auto done = body(); !done) return done;
  auto committed = connection_->commit();
  ending.committed = committed.has_value();
  return committed;
}

Result<void> Database::migrate() {
  return transaction([&]() -> Result<void> {
    if (auto locked = connection_->lock_schema(); !locked) return locked;
    auto made = execute_script(
        "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, "
        "title TEXT NOT NULL)");
    if (!made) return made;
    auto rows = query("SELECT COALESCE(MAX(number), 0) AS newest FROM schema_migration");
    if (!rows) return fail(rows.error());
    const auto newest = rows->front().integer("newest");
    if (newest > migrations().back().number) {
      return fail(ErrorCode::kConflict, "database " + name_ + " has migration " +
                                            std::to_string(newest) +
                                            ", which this Hone does not know: use a newer one");
    }
    for (const Migration& migration : migrations()) {
      if (migration.number <= newest) continue;
      const std::string place = "migration " + std::to_string(migration.number);
      auto done = execute_script(in_dialect(migration.sql, dialect_));
      if (!done) return fail(done.error().with(place));
      auto noted = execute("INSERT INTO schema_migration (number, title) VALUES (?, ?)",
                           {migration.number, migration.title});
      if (!noted) return fail(noted.error().with(place));
    }
    return {};
  });
}

Result<std::int64_t> Database::change_counter() {
  const std::lock_guard lock(mutex_);
  return connection_->change_counter();
}

}  // namespace hone::store
