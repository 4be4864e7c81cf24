// For tests that run on both databases:
//
//   class Things : public test::OnBothDatabases {};
//   TEST_P(Things, KeepTheirPromise) { auto db = open(); … }      // migrated and empty
//   INSTANTIATE_TEST_SUITE_P(Databases, Things, test::both_databases(), test::database_name);
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "store/database.h"
#include "support/postgres.h"
#include "support/temp_folder.h"

namespace hone::test {

using Dialect = store::Database::Dialect;

class OnBothDatabases : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    const bool sqlite = GetParam() == Dialect::kSqlite;
    url_ = sqlite ? "sqlite:" + (folder_ / "hone.db") : new_postgres_schema();
    if (url_.empty()) GTEST_SKIP() << "SKIPPED: no PostgreSQL";
  }
  // One more connection to this test's database, its tables made.
  [[nodiscard]] std::unique_ptr<store::Database> open(store::DatabaseOptions options = {}) const {
    auto db = store::Database::open(url_, options);
    EXPECT_TRUE(db) << db.error().message;
    const auto migrated = (*db)->migrate();
    EXPECT_TRUE(migrated) << migrated.error().message;
    return std::move(*db);
  }
  // Likewise, and quicker: nothing that it holds need survive a power cut.
  [[nodiscard]] std::unique_ptr<store::Database> open_unsynced() const {
    auto db = open();
    if (GetParam() == Dialect::kSqlite) {
      EXPECT_TRUE(db->execute_script("PRAGMA synchronous = OFF"));
    }
    return db;
  }

  TempFolder folder_;
  std::string url_;
};

[[nodiscard]] inline auto both_databases() {
  return ::testing::Values(Dialect::kSqlite, Dialect::kPostgres);
}
[[nodiscard]] inline std::string database_name(const ::testing::TestParamInfo<Dialect>& info) {
  return info.param == Dialect::kSqlite ? "Sqlite" : "Postgres";
}

}  // namespace hone::test
