// PostgreSQL through libpq: parameters and results as text, every answer awaited with a deadline,
// and a new connection where the last one broke outside a transaction.
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <new>
#include <unordered_map>

#include "base/hash.h"
#include "store/connection.h"

namespace hone::store {
namespace {

// Of pg_type.
constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kOid = 26, kFloat4 = 700,
              kFloat8 = 701, kNumeric = 1700;
// How long an answer may take in a migration, which may move every row of a large store.
constexpr std::chrono::hours kMigrationTimeout{24};
// Two migrations at once would wait for each other by this advisory lock: "hone" in ASCII.
constexpr std::string_view kLockSchema = "SELECT pg_advisory_xact_lock(1752133221)";

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answered = std::unique_ptr<PGresult, ClearResult>;

std::string trimmed(const char* text) {
  std::string message = text == nullptr ? "" : text;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  return message;
}

// By SQLSTATE class (PostgreSQL 15, appendix A).
ErrorCode kind_of(std::string_view state) {
  const std::string_view group = state.substr(0, 2);
  if (group == "08" || group == "53" || group == "57" || group == "58" || group == "40" ||
      state == "55P03") {
    return ErrorCode::kUnavailable;
  }
  if (group == "23") return ErrorCode::kConflict;
  if (group == "22" || group == "42" || group == "26") return ErrorCode::kInvalid;
  if (group == "28") return ErrorCode::kDenied;
  if (group == "3D") return ErrorCode::kNotFound;
  if (group == "54") return ErrorCode::kTooLarge;
  if (state == "XX001" || state == "XX002") return ErrorCode::kCorrupt;
  return ErrorCode::kInternal;
}

// In either of the server's ways to write bytes (its setting bytea_output).
Bytes read_bytes(const char* text) {
  std::size_t size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> bytes(
      PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size), PQfreemem);
  if (bytes == nullptr) throw std::bad_alloc();
  return {std::string(reinterpret_cast<const char*>(bytes.get()), size)};
}

// `text` ends with a zero byte, as libpq gives it.
Value read_value(Oid type, std::string_view text) {
  if (type == kBytea) return read_bytes(text.data());
  const char* end = text.data() + text.size();
  if (type == kBool) return text == "t";
  if (type == kInt8 || type == kInt4 || type == kInt2 || type == kOid || type == kNumeric) {
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end) return number;
  }
  if (type == kFloat8 || type == kFloat4 || type == kNumeric) {
    double number = 0;
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end) return number;
  }
  return text;
}

std::optional<std::string> write_value(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.kinds()))
    return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value.kinds())) return *text;
  if (const auto* bytes = std::get_if<Bytes>(&value.kinds())) return "\\x" + hex(bytes->data);
  if (const auto* number = std::get_if<double>(&value.kinds())) {
    char buffer[32];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, *number);
    return std::string(buffer, written.ptr);
  }
  return std::nullopt;
}

class PostgresConnection final : public Connection {
 public:
  PostgresConnection(std::string url, const DatabaseOptions& options)
      : url_(std::move(url)), options_(options) {}
  ~PostgresConnection() override { PQfinish(handle_); }
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  Result<void> connect() {
    PQfinish(handle_);
    statements_.clear();
    const auto seconds = std::max<std::int64_t>(2, options_.busy_timeout.count() / 1000);
    const std::string connect_timeout = std::to_string(seconds);
    // Later values win over those in the URL, which `dbname` expands to.
    const char* const names[] = {"dbname",           "client_encoding", "connect_timeout",
                                 "tcp_user_timeout", "keepalives_idle", nullptr};
    const char* const values[] = {url_.c_str(), "UTF8", connect_timeout.c_str(),
                                  "10000",      "30",   nullptr};
    handle_ = PQconnectdbParams(names, values, 1);
    if (PQstatus(handle_) != CONNECTION_OK) {
      const std::string why = trimmed(PQerrorMessage(handle_));
      return fail(ErrorCode::kUnavailable, "database " + name() + ": " + why);
    }
    PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
    return script("SET lock_timeout = " + std::to_string(options_.busy_timeout.count()));
  }

  Result<Answer> run(std::string_view sql, const Params& params) override {
    if (auto ready = ensure_connected(); !ready) return fail(ready.error());
    auto statement = prepared(sql);
    if (!statement) return fail(statement.error());
    std::vector<std::optional<std::string>> texts;
    std::vector<const char*> pointers;
    texts.reserve(params.size());
    for (const Value& value : params) {
      texts.push_back(write_value(value));
      if (texts.back() && texts.back()->find('\0') != std::string::npos) {
        return fail(ErrorCode::kInvalid, "PostgreSQL stores no text with a zero byte");
      }
      pointers.push_back(texts.back() ? texts.back()->c_str() : nullptr);
    }
    const int sent =
        PQsendQueryPrepared(handle_, statement->c_str(), static_cast<int>(params.size()),
                            pointers.data(), nullptr, nullptr, 0);
    auto result = await(sent);
    if (!result) return fail(result.error().with(sql.substr(0, 200)));
    return read_answer(result->get());
  }

  Result<void> script(std::string_view sql) override {
    if (auto ready = ensure_connected(); !ready) return ready;
    auto result = await(PQsendQuery(handle_, std::string(sql).c_str()));
    if (!result) return fail(result.error());
    return {};
  }

  Result<void> begin() override {
    auto begun = script("BEGIN");
    in_transaction_ = begun.has_value();
    return begun;
  }
  Result<void> commit() override {
    // COMMIT of a failed transaction rolls back and says that all is well.
    if (PQtransactionStatus(handle_) == PQTRANS_INERROR) {
      return fail(ErrorCode::kInternal, "a statement of the transaction failed before its commit");
    }
    auto committed = script("COMMIT");
    if (committed) in_transaction_ = migrating_ = false;
    return committed;
  }
  void rollback() override {
    // A broken connection has rolled back by itself; the next call makes a new one.
    if (PQstatus(handle_) == CONNECTION_OK) (void)script("ROLLBACK");
    in_transaction_ = migrating_ = false;
  }

  Result<void> lock_schema() override {
    auto locked = run(kLockSchema, {});
    if (!locked) return fail(locked.error());
    migrating_ = true;
    return {};
  }

  // The next transaction id to be given out: moves whenever anyone, here or elsewhere in the
  // cluster, writes.
  Result<std::int64_t> change_counter() override {
    auto answer = run("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", {});
    if (!answer) return fail(answer.error());
    return answer->rows.front().integer(std::size_t{0});
  }

  std::string name() const override {
    const char* host = handle_ == nullptr ? nullptr : PQhost(handle_);
    const char* database = handle_ == nullptr ? nullptr : PQdb(handle_);
    return "postgres://" + std::string(host == nullptr ? "" : host) + "/" +
           (database == nullptr ? "" : database);
  }

 private:
  Result<void> ensure_connected() {
    if (PQstatus(handle_) == CONNECTION_OK) return {};
    if (in_transaction_) {
      return fail(ErrorCode::kUnavailable,
                  "database " + name() + ": the connection broke in a transaction");
    }
    return connect();
  }

  Result<std::string> prepared(std::string_view sql) {
    const std::string key(sql);
    if (const auto found = statements_.find(key); found != statements_.end()) return found->second;
    if (statements_.size() >= kMaxPrepared) {
      if (auto done = script("DEALLOCATE ALL"); !done) return fail(done.error());
      statements_.clear();
    }
    const std::string id = "s" + std::to_string(next_statement_++);
    auto result =
        await(PQsendPrepare(handle_, id.c_str(), number_parameters(sql).c_str(), 0, nullptr));
    if (!result) return fail(result.error().with(sql.substr(0, 200)));
    statements_.emplace(key, id);
    return id;
  }

  // The last result of what was sent. A server that does not answer in time loses the connection,
  // since nothing else tells what became of the statement.
  Result<Answered> await(int sent) {
    if (sent != 1) return fail(broken());
    const std::chrono::milliseconds limit =
        migrating_ ? kMigrationTimeout : options_.statement_timeout;
    const auto deadline = std::chrono::steady_clock::now() + limit;
    Answered last;
    while (true) {
      while (PQisBusy(handle_) != 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd waiting{.fd = PQsocket(handle_), .events = POLLIN, .revents = 0};
        if (left.count() <= 0 || PQflush(handle_) < 0 ||
            ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
          Error late{ErrorCode::kUnavailable, "database " + name() + ": no answer in time"};
          PQfinish(std::exchange(handle_, nullptr));
          return fail(std::move(late));
        }
        if (PQconsumeInput(handle_) != 1) return fail(broken());
      }
      Answered next(PQgetResult(handle_));
      if (!next) break;
      // The first error is the cause; what follows it only says that there was one.
      if (!last || !is_error(last.get())) last = std::move(next);
    }
    if (!last) return fail(broken());
    if (is_error(last.get())) return fail(error(last.get()));
    return last;
  }

  static bool is_error(const PGresult* result) {
    const auto status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
  }

  static Answer read_answer(const PGresult* result) {
    const int count = PQnfields(result);
    std::vector<std::string> columns;
    columns.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) columns.emplace_back(PQfname(result, i));
    Answer answer{.rows = Rows(std::move(columns))};
    for (int row = 0; row < PQntuples(result); ++row) {
      std::vector<Value> values;
      values.reserve(static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) {
        const std::string_view text(PQgetvalue(result, row, i),
                                    static_cast<std::size_t>(PQgetlength(result, row, i)));
        values.push_back(PQgetisnull(result, row, i) != 0 ? Value()
                                                          : read_value(PQftype(result, i), text));
      }
      answer.rows.add(std::move(values));
    }
    const std::string_view changed = PQcmdTuples(const_cast<PGresult*>(result));
    std::from_chars(changed.data(), changed.data() + changed.size(), answer.changed);
    return answer;
  }

  Error broken() const {
    return {ErrorCode::kUnavailable,
            "database " + name() + ": " + trimmed(PQerrorMessage(handle_))};
  }

  Error error(const PGresult* result) const {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == nullptr) return broken();
    std::string message = "database " + name() + ": ";
    message += std::string_view(state) == "55P03" ? "locked by another process"
                                                  : trimmed(PQresultErrorMessage(result));
    return {kind_of(state), std::move(message)};
  }

  const std::string url_;
  const DatabaseOptions options_;
  PGconn* handle_ = nullptr;
  std::unordered_map<std::string, std::string> statements_;
  std::int64_t next_statement_ = 0;
  bool in_transaction_ = false;
  bool migrating_ = false;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_postgres(const std::string& url,
                                                  const DatabaseOptions& options) {
  auto connection = std::make_unique<PostgresConnection>(url, options);
  if (auto connected = connection->connect(); !connected) return fail(connected.error());
  return connection;
}

}  // namespace hone::store
