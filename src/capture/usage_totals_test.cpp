#include "capture/usage_totals.h"

#include <gtest/gtest.h>

#include "store/rows.h"
#include "support/databases.h"

namespace hone::capture {
namespace {

class UsageTotals : public test::OnBothDatabases {
 protected:
  void add(store::Database& db, const std::string& id, const std::string& person,
           const std::string& at, const std::string& wire = "openai-chat") {
    store::Interaction i;
    i.id = id;
    i.person = person;
    i.team = "team_1";
    i.key = "key_" + person;
    i.wire = wire;
    i.started_at = parse_time(at).value();
    i.prompt_tokens = 30;
    i.completion_tokens = 20;
    i.cost = 0.25;
    const auto written = store::write_record(
        db, {.kind = store::RecordKind::kInteraction, .id = id, .payload = store::to_payload(i)});
    ASSERT_TRUE(written) << written.error().message;
  }
};

TEST_P(UsageTotals, AreThoseOfThisDayAndThisMonth) {
  const auto db = open();
  ASSERT_TRUE(db->execute("INSERT INTO team (id, name, created_at) VALUES ('team_1', 'blue', 0)"));
  add(*db, "int_1", "ana", "2026-10-31T23:59:59Z");
  add(*db, "int_2", "ana", "2026-11-01T00:00:00Z");
  add(*db, "int_3", "ana", "2026-11-27T05:00:00Z");
  add(*db, "int_4", "sam", "2026-11-27T05:00:00Z");
  add(*db, "int_5", "ana", "2026-11-27T05:00:00Z", "import");
  ManualClock clock(parse_time("2026-11-27T06:00:00Z").value());
  const Time now = clock.now();
  LimitRules rules;
  rules.everyone.most.at(Measure::kRequests, Period::kDay) = 10;
  rules.everyone.most.at(Measure::kCost, Period::kMonth) = 10'000'000;
  rules.teams["blue"].most.at(Measure::kTokens, Period::kMonth) = 150;
  rules.keys["key_sam"].most.at(Measure::kRequests, Period::kDay) = 10;
  Limits limits(clock, rules);
  const auto loaded = load_totals(*db, limits, now);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto used = [&](Limits::Scope scope, const char* who, Measure measure, Period period) {
    return limits.account(scope, who).used(measure, period, now);
  };
  using Scope = Limits::Scope;
  EXPECT_EQ(used(Scope::kPerson, "ana", Measure::kRequests, Period::kDay), 1);
  EXPECT_EQ(used(Scope::kPerson, "ana", Measure::kRequests, Period::kMonth), 2);
  EXPECT_EQ(used(Scope::kPerson, "ana", Measure::kCost, Period::kMonth), 500'000);
  EXPECT_EQ(used(Scope::kTeam, "blue", Measure::kTokens, Period::kMonth), 150);
  EXPECT_EQ(used(Scope::kKey, "key_sam", Measure::kRequests, Period::kDay), 1);
  people::Caller caller;
  caller.person = "ana";
  caller.team_name = "blue";
  EXPECT_FALSE(limits.admit(caller)) << "the team has used its month";
}

TEST_P(UsageTotals, AreNotReadWhereNothingLastsSoLong) {
  const auto db = open();
  add(*db, "int_1", "ana", "2026-11-27T05:00:00Z");
  ManualClock clock(parse_time("2026-11-27T06:00:00Z").value());
  LimitRules rules;
  rules.everyone.most.at(Measure::kRequests, Period::kMinute) = 1;
  Limits limits(clock, rules);
  ASSERT_TRUE(load_totals(*db, limits, clock.now()));
  EXPECT_EQ(limits.account(Limits::Scope::kPerson, "ana")
                .used(Measure::kRequests, Period::kDay, clock.now()),
            0);
}

TEST_P(UsageTotals, AreThoseOfKeysWithLimitsOfTheirOwnToo) {
  const auto db = open();
  ManualClock clock(parse_time("2026-11-27T06:00:00Z").value());
  const Time now = clock.now();
  Limits limits(clock);
  EXPECT_EQ(needs_totals(*db, limits).value(), false);
  const auto add_key = [&](const std::string& id, const std::string& own) {
    ASSERT_TRUE(
        db->execute("INSERT INTO api_key (id, person_id, hash, created_at, limits)"
                    " VALUES (?, 'ana', ?, 0, ?)",
                    {id, "hash of " + id, own}));
  };
  add_key("key_sam", R"({"requests_per_minute":1})");
  EXPECT_EQ(needs_totals(*db, limits).value(), false) << "a minute is over after a restart";
  add_key("key_ana", R"({"requests_per_day":2,"cost_per_month":0.5})");
  EXPECT_EQ(needs_totals(*db, limits).value(), true);
  add(*db, "int_1", "ana", "2026-11-01T00:00:00Z");
  add(*db, "int_2", "ana", "2026-11-27T05:00:00Z");
  const auto loaded = load_totals(*db, limits, now);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& account = limits.account(Limits::Scope::kKey, "key_ana");
  EXPECT_EQ(account.used(Measure::kRequests, Period::kDay, now), 1);
  EXPECT_EQ(account.used(Measure::kCost, Period::kMonth, now), 500'000);
  ASSERT_TRUE(db->execute("UPDATE api_key SET revoked_at = 1 WHERE id = 'key_ana'"));
  EXPECT_EQ(needs_totals(*db, limits).value(), false);
}

INSTANTIATE_TEST_SUITE_P(Databases, UsageTotals, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::capture
