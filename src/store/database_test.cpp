#include "store/database.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/hash.h"
#include "store/connection.h"
#include "store/schema.h"
#include "support/databases.h"

namespace hone::store {
namespace {

using namespace std::chrono_literals;

class DatabaseBoth : public test::OnBothDatabases {};
INSTANTIATE_TEST_SUITE_P(Databases, DatabaseBoth, test::both_databases(), test::database_name);

TEST_P(DatabaseBoth, GivesBackWhatWasStored) {
  const auto db = open();
  ASSERT_TRUE(db->execute_script("CREATE TABLE t (n BIGINT, r DOUBLE PRECISION, s TEXT, z TEXT)"));
  const std::string text = "it's ? \"ünï\" \n $1 -- ?";
  const double third = 1.0 / 3;
  ASSERT_EQ(db->execute("INSERT INTO t (n, r, s, z) VALUES (?, ?, ?, ?)",
                        {std::int64_t{1} << 60, third, text, nullptr}),
            1);
  const auto rows =
      db->query("SELECT n, r, s, z, '?' AS mark FROM t WHERE s = ? -- why?\n", {text});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1U);
  const Row row = rows->front();
  EXPECT_EQ(row.integer("n"), std::int64_t{1} << 60);
  EXPECT_EQ(row.real("r"), third);
  EXPECT_EQ(row.text("s"), text);
  EXPECT_TRUE(row.is_null("z"));
  EXPECT_EQ(row.optional_text("z"), std::nullopt);
  EXPECT_EQ(row.text("mark"), "?");
}

TEST_P(DatabaseBoth, BytesAreNoText) {
  const auto db = open();
  const std::string type = GetParam() == Database::Dialect::kSqlite ? "BLOB" : "BYTEA";
  ASSERT_TRUE(db->execute_script("CREATE TABLE t (b " + type + ", z " + type + ")"));
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& data : {all, std::string(), std::string(3, '\0')}) {
    ASSERT_EQ(db->execute("INSERT INTO t (b, z) VALUES (?, ?)", {Bytes{data}, nullptr}), 1);
    const auto rows = db->query(
        "SELECT b, z, encode(b, 'hex') AS digits, encode(z, 'hex') AS none,"
        " decode(encode(b, 'hex'), 'hex') AS again FROM t WHERE b = ?",
        {Bytes{data}});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 1U);
    const Row row = rows->front();
    EXPECT_EQ(row.bytes("b"), data);
    EXPECT_EQ(row.bytes("again"), data);
    EXPECT_EQ(row.text("digits"), hex(data));
    EXPECT_EQ(row.text("b"), "");
    EXPECT_EQ(row.bytes("digits"), "");
    EXPECT_FALSE(row.is_null("b"));
    EXPECT_TRUE(row.is_null("z"));
    EXPECT_TRUE(row.is_null("none"));
  }
  EXPECT_EQ(db->query("SELECT decode('0g', 'hex') AS b").error().code, ErrorCode::kInvalid);
}

TEST_P(DatabaseBoth, CountsAndSumsAreNumbers) {
  const auto db = open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(db->execute("INSERT INTO counter (name, value) VALUES (?, ?)",
                            {"c" + std::to_string(i), std::int64_t{i}}));
  }
  const auto rows =
      db->query("SELECT COUNT(*) AS n, SUM(value) AS total, AVG(value * 1.5) AS mean FROM counter");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->front().integer("n"), 3);
  EXPECT_EQ(rows->front().integer("total"), 3);
  EXPECT_DOUBLE_EQ(rows->front().real("mean"), 1.5);
  EXPECT_EQ(db->execute("UPDATE counter SET value = 9 WHERE value > ?", {0}), 2);
}

TEST_P(DatabaseBoth, TransactionsCommitWholeOrNotAtAll) {
  const auto db = open();
  const auto insert = [&](const char* name) {
    return db->execute("INSERT INTO counter (name, value) VALUES (?, 1)", {name});
  };
  ASSERT_TRUE(db->transaction([&]() -> Result<void> {
    if (auto done = insert("kept"); !done) return fail(done.error());
    return {};
  }));
  const auto failed = db->transaction([&]() -> Result<void> {
    if (auto done = insert("dropped"); !done) return fail(done.error());
    if (auto done = insert("kept"); !done) return fail(done.error());
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kConflict) << failed.error().message;
  const auto rows = db->query("SELECT name FROM counter");
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().text("name"), "kept");
}

TEST_P(DatabaseBoth, RollsBackWhenTheBodyThrows) {
  const auto db = open();
  const auto body = [&]() -> Result<void> {
    if (auto done = db->execute("INSERT INTO counter (name, value) VALUES ('x', 1)"); !done) {
      return fail(done.error());
    }
    throw std::runtime_error("a library's");
  };
  EXPECT_THROW((void)db->transaction(body), std::runtime_error);
  EXPECT_TRUE(db->query("SELECT name FROM counter")->empty());
}

TEST_P(DatabaseBoth, MigratesOnceAndRefusesANewerDatabase) {
  const auto db = open();
  EXPECT_TRUE(db->migrate());
  const auto rows = db->query("SELECT COUNT(*) AS n FROM schema_migration");
  EXPECT_EQ(rows->front().integer("n"), std::ssize(migrations()));
  ASSERT_TRUE(db->execute("INSERT INTO schema_migration (number, title) VALUES (9999, 'later')"));
  const auto refused = db->migrate();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

TEST_P(DatabaseBoth, ManyProcessesMayMigrateAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto db = Database::open(url_);
      if (db && (*db)->migrate()) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST_P(DatabaseBoth, NoticesWhatOthersCommit) {
  const auto here = open();
  const auto there = open();
  const auto before = here->change_counter();
  ASSERT_TRUE(there->execute("INSERT INTO counter (name, value) VALUES ('x', 1)"));
  const auto after = here->change_counter();
  ASSERT_TRUE(before && after);
  EXPECT_NE(*before, *after);
}

TEST_P(DatabaseBoth, WaitsOutALockAndThenSaysWhoseItIs) {
  const auto db = open();
  ASSERT_TRUE(db->execute("INSERT INTO counter (name, value) VALUES ('x', 1)"));
  const auto other = open({.busy_timeout = 200ms});
  ASSERT_TRUE(db->transaction([&]() -> Result<void> {
    auto mine = db->execute("UPDATE counter SET value = 2");
    if (!mine) return fail(mine.error());
    const auto blocked = other->execute("UPDATE counter SET value = 3");
    EXPECT_FALSE(blocked);
    EXPECT_EQ(blocked.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(blocked.error().message.find(other->name()), std::string::npos);
    EXPECT_NE(blocked.error().message.find("locked by another process"), std::string::npos);
    return {};
  }));
  EXPECT_TRUE(other->execute("UPDATE counter SET value = 3"));
}

TEST_P(DatabaseBoth, ServesManyThreadsOverOneConnection) {
  const auto db = open();
  ASSERT_TRUE(db->execute("INSERT INTO counter (name, value) VALUES ('x', 0)"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        EXPECT_TRUE(db->transaction([&]() -> Result<void> {
          auto seen = db->query("SELECT value FROM counter");
          if (!seen) return fail(seen.error());
          auto set =
              db->execute("UPDATE counter SET value = ?", {seen->front().integer("value") + 1});
          if (!set) return fail(set.error());
          return {};
        }));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(db->query("SELECT value FROM counter")->front().integer("value"), 100);
}

TEST_P(DatabaseBoth, RefusesBadStatementsAndGoesOn) {
  const auto db = open();
  EXPECT_EQ(db->query("SELEC 1").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(db->query("SELECT nothing FROM counter").error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(db->query("SELECT value FROM counter WHERE name = ?", {}));
  EXPECT_TRUE(db->query("SELECT value FROM counter WHERE name = ?", {"x"}));
  for (int i = 0; i < 600; ++i) {  // more than are kept prepared
    ASSERT_TRUE(db->query("SELECT value + " + std::to_string(i) + " AS v FROM counter"));
  }
}

TEST(Sqlite, RefusesADamagedFile) {
  const test::TempFolder folder;
  std::ofstream(folder / "hone.db") << std::string(8192, 'x');
  const auto db = Database::open("sqlite:" + (folder / "hone.db"));
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(db.error().message.find(folder / "hone.db"), std::string::npos);
}

TEST(Sqlite, SyncsEveryCommit) {
  const test::TempFolder folder;
  const auto db = Database::open("sqlite:" + (folder / "hone.db"));
  ASSERT_TRUE(db);
  EXPECT_EQ((*db)->query("PRAGMA synchronous")->front().integer(std::size_t{0}), 2);
  EXPECT_EQ((*db)->query("PRAGMA journal_mode")->front().text(std::size_t{0}), "wal");
}

TEST(Database, NamesWhatItCannotOpen) {
  EXPECT_EQ(Database::open("mysql:x").error().code, ErrorCode::kInvalid);
  const auto absent = Database::open("sqlite:/nowhere/at/all/hone.db");
  EXPECT_NE(absent.error().message.find("/nowhere/at/all/hone.db"), std::string::npos);
  const auto away = Database::open("postgres://hone:secret@/x?host=/nowhere");
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(away.error().message.find("secret"), std::string::npos);
}

TEST(Database, NumbersParametersOutsideQuotes) {
  EXPECT_EQ(number_parameters("a = ? AND b = '?' AND \"c?\" = ? -- ?\n + ?"),
            "a = $1 AND b = '?' AND \"c?\" = $2 -- ?\n + $3");
}

}  // namespace
}  // namespace hone::store
