// Persons, keys and consents on a real SQLite file.
#include <gtest/gtest.h>

#include <cmath>

#include "base/test_support.h"
#include "people/directory.h"
#include "people/roster.h"
#include "store/database.h"

namespace hone::people {
namespace {

class People : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::Database::open("sqlite:" + folder_.path("hone.db"));
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
    ASSERT_TRUE(database_->migrate());
    roster_ = std::make_unique<Roster>(*database_, clock_, ids_);
  }

  // Every byte that the database has on disk.
  std::string bytes_on_disk() const {
    std::string bytes;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      bytes += hone::testing::read_all(entry.path());
    }
    return bytes;
  }

  hone::testing::TempFolder folder_;
  ManualClock clock_{from_millis(1'700'000'000'000)};
  IdSource ids_{clock_, Random(1)};
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Roster> roster_;
};

TEST_F(People, AKeyOpensForItsOwnerUntilItIsRevoked) {
  const auto ana = roster_->create_person(
      {.name = "Ana", .team = "Search", .role = Role::kLead, .consents = {}});
  ASSERT_TRUE(ana) << ana.error().message;
  const auto key = roster_->create_key(ana->id);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_TRUE(key->secret.starts_with("hone_sk_"));
  EXPECT_EQ(key->secret.size(), 8U + 32U);

  Directory directory;
  EXPECT_FALSE(directory.find_key(key->secret)) << "nothing was loaded yet";
  ASSERT_TRUE(directory.reload(*database_));
  const auto caller = directory.find_key(key->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->person, ana->id);
  EXPECT_EQ(caller->team, ana->team);
  EXPECT_EQ(caller->role, Role::kLead);
  EXPECT_EQ(caller->key_id, key->key.id);
  EXPECT_FALSE(directory.find_key(key->secret + "x"));
  EXPECT_FALSE(directory.find_key(hash_key(key->secret))) << "the hash is no key";
  EXPECT_FALSE(directory.find_key(""));

  ASSERT_TRUE(roster_->revoke_key(key->key.id));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.find_key(key->secret));
  EXPECT_TRUE(roster_->keys(ana->id).value().at(0).revoked_at);
}

Allowance some_limits() {
  Allowance limits;
  limits.most.at(Measure::kRequests, Period::kMinute) = 60;
  limits.most.at(Measure::kCost, Period::kMonth) = 20'500'000;
  return limits;
}

TEST_F(People, AKeyBringsItsLimitsAndTheyMayChange) {
  const auto ana = roster_->create_person({.name = "Ana", .team = "Search", .consents = {}});
  const auto limited = roster_->create_key(ana->id, some_limits());
  const auto free = roster_->create_key(ana->id);
  ASSERT_TRUE(limited) << limited.error().message;
  Directory directory;
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_EQ(directory.find_key(free->secret)->limits, nullptr);
  const auto before = directory.find_key(limited->secret)->limits;
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(limits_text(*before), "requests_per_minute=60 cost_per_month=20.5");
  EXPECT_EQ(limits_text(roster_->find_key(limited->key.id)->limits), limits_text(*before));

  Allowance other;
  other.most.at(Measure::kTokens, Period::kDay) = 0;
  ASSERT_TRUE(roster_->set_key_limits(limited->key.id, other));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_EQ(limits_text(*directory.find_key(limited->secret)->limits), "tokens_per_day=0");
  EXPECT_EQ(limits_text(*before), "requests_per_minute=60 cost_per_month=20.5")
      << "a call that has begun keeps what it began with";
  ASSERT_TRUE(roster_->set_key_limits(limited->key.id, {}));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_EQ(directory.find_key(limited->secret)->limits, nullptr);
  EXPECT_EQ(roster_->set_key_limits("key_x", {}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(roster_->find_key("key_x").error().code, ErrorCode::kNotFound);
}

TEST_F(People, AKeyWhoseLimitIsNotUnderstoodOpensNothingAndOthersDo) {
  const auto ana = roster_->create_person({.name = "Ana", .team = "Search", .consents = {}});
  const auto key = roster_->create_key(ana->id);
  const auto other = roster_->create_key(ana->id);
  Directory directory;
  ASSERT_TRUE(directory.reload(*database_));
  for (const std::string& bad :
       {std::string(R"({"requests_per_hour":1})"), std::string(R"({"tokens_per_day":-1})"),
        std::string(R"({"cost_per_day":-1})"), std::string(R"({"tokens_per_day":"1"})"),
        std::string("[1]"), std::string("none")}) {
    ASSERT_TRUE(
        database_->execute("UPDATE api_key SET limits = ? WHERE id = ?", {bad, key->key.id}));
    ASSERT_TRUE(directory.reload(*database_)) << bad;
    EXPECT_FALSE(directory.find_key(key->secret)) << bad;
    EXPECT_TRUE(directory.find_key(other->secret)) << bad;
    EXPECT_FALSE(roster_->keys()) << bad;
  }
}

TEST_F(People, AKeyForFeedbackOpensFeedbackAndNothingElse) {
  const auto page = roster_->create_person({.name = "Reports", .team = "Search", .consents = {}});
  const auto narrow = roster_->create_key(page->id, {}, KeyScope::kFeedback);
  const auto wide = roster_->create_key(page->id);
  ASSERT_TRUE(narrow) << narrow.error().message;
  Directory directory;
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.find_key(narrow->secret)) << "who does not ask for less gets no such key";
  const auto caller = directory.find_key(narrow->secret, KeyScope::kFeedback);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->person, page->id);
  EXPECT_EQ(caller->key_id, narrow->key.id);
  EXPECT_TRUE(directory.find_key(wide->secret));
  EXPECT_TRUE(directory.find_key(wide->secret, KeyScope::kFeedback));
  EXPECT_EQ(roster_->find_key(narrow->key.id)->scope, KeyScope::kFeedback);
  EXPECT_EQ(roster_->find_key(wide->key.id)->scope, KeyScope::kAll);

  ASSERT_TRUE(
      database_->execute("UPDATE api_key SET scope = 'any' WHERE id = ?", {narrow->key.id}));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.find_key(narrow->secret, KeyScope::kFeedback)) << "not understood";
  EXPECT_TRUE(directory.find_key(wide->secret));
  ASSERT_TRUE(roster_->revoke_key(wide->key.id));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.find_key(wide->secret, KeyScope::kFeedback));
}

TEST(Allowance, ReadsWhatItWrites) {
  Allowance all;
  std::int64_t number = 0;
  for (const Measure measure : kMeasures) {
    for (const Period period : kPeriods) all.most.at(measure, period) = number += 1'234'567;
  }
  EXPECT_EQ(to_json(all).size(), 9U);
  const auto read = read_stored_limits(stored_limits(all));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->most.values, all.most.values);
  EXPECT_EQ(stored_limits({}), "");
  EXPECT_TRUE(read_stored_limits("")->empty());
  Allowance whole = some_limits();
  whole.most.at(Measure::kCost, Period::kMonth) = 20'000'000;
  EXPECT_EQ(stored_limits(whole), R"({"requests_per_minute":60,"cost_per_month":20})");
  EXPECT_EQ(cost_in_millionths(0.1), 100'000);
  EXPECT_EQ(cost_in_millionths(-0.1), std::nullopt);
  EXPECT_EQ(cost_in_millionths(std::nan("")), std::nullopt);
  EXPECT_EQ(cost_in_millionths(2e9), std::nullopt);
}

TEST(Allowance, TheStricterOneTakesTheLowerOfEach) {
  Allowance a = some_limits();
  Allowance b;
  b.most.at(Measure::kRequests, Period::kMinute) = 10;
  b.most.at(Measure::kCost, Period::kMonth) = 30'000'000;
  b.most.at(Measure::kTokens, Period::kDay) = 5;
  const std::string both = "requests_per_minute=10 tokens_per_day=5 cost_per_month=20.5";
  EXPECT_EQ(limits_text(stricter(a, b)), both);
  EXPECT_EQ(limits_text(stricter(b, a)), both);
  EXPECT_EQ(limits_text(stricter(a, {})), limits_text(a));
}

TEST_F(People, TheDatabaseNeverHoldsASecret) {
  const auto ana = roster_->create_person({.name = "Ana", .team = "Search", .consents = {}});
  const auto key = roster_->create_key(ana->id);
  const std::string bytes = bytes_on_disk();
  EXPECT_NE(bytes.find(hash_key(key->secret)), std::string::npos) << "looked in the wrong place";
  EXPECT_EQ(bytes.find(key->secret.substr(8)), std::string::npos);
}

TEST_F(People, NamesAreUniqueAndNamedInErrors) {
  ASSERT_TRUE(roster_->create_person({.name = "Ana", .team = "Search", .consents = {}}));
  const auto again = roster_->create_person({.name = "Ana", .team = "Other", .consents = {}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(roster_->teams().value().size(), 1U) << "a refused person leaves no team behind";
  EXPECT_EQ(roster_->ensure_person({.name = "Ana", .team = "Other", .consents = {}})->team_name,
            "Search");
  EXPECT_EQ(roster_->find_person("Bo").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(roster_->create_key("per_x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(roster_->revoke_key("key_x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(roster_->set_role("per_x", Role::kLead).error().code, ErrorCode::kNotFound);
  for (const std::string& bad : {std::string(), std::string(201, 'a'), std::string("a\nb")}) {
    EXPECT_EQ(roster_->create_person({.name = bad, .team = "T", .consents = {}}).error().code,
              ErrorCode::kInvalid);
    EXPECT_EQ(roster_->create_person({.name = "C", .team = bad, .consents = {}}).error().code,
              ErrorCode::kInvalid);
  }
}

TEST_F(People, RolesAndTeamsChange) {
  const auto ana = roster_->create_person({.name = "Ana", .team = "Search", .consents = {}});
  ASSERT_TRUE(roster_->set_role(ana->id, Role::kPrivacy));
  ASSERT_TRUE(roster_->set_team(ana->id, "Trust"));
  const auto now = roster_->find_person(ana->id);
  EXPECT_EQ(now->role, Role::kPrivacy);
  EXPECT_EQ(now->team_name, "Trust");
  EXPECT_EQ(roster_->persons().value().size(), 1U);
  for (const char* role : {"employee", "platform", "model", "privacy", "lead"}) {
    EXPECT_EQ(name(parse_role(role).value()), role);
  }
  EXPECT_FALSE(parse_role("king"));
}

TEST_F(People, AConsentCountsAtOnceAndOutlastsAReloadBeforeItIsIndexed) {
  const auto ana = roster_->create_person(
      {.name = "Ana", .team = "Search", .consents = {.capture = true, .train = false}});
  Directory directory;
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_TRUE(directory.consents(ana->id)->capture);
  EXPECT_FALSE(directory.consents(ana->id)->train);
  EXPECT_FALSE(directory.consents("per_x"));

  store::Consent no;
  no.id = "con_1";
  no.person = ana->id;
  no.capture = false;
  directory.apply(no);
  EXPECT_FALSE(directory.consents(ana->id)->capture);
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.consents(ana->id)->capture) << "the database is behind";

  // The indexer writes it; then what the database says later is what counts.
  ASSERT_TRUE(
      database_->execute("INSERT INTO consent (id, person_id, capture, by_whom, at) "
                         "VALUES ('con_1', ?, 0, 'x', 0)",
                         {ana->id}));
  ASSERT_TRUE(database_->execute("UPDATE person SET capture = 0 WHERE id = ?", {ana->id}));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_FALSE(directory.consents(ana->id)->capture);
  ASSERT_TRUE(database_->execute("UPDATE person SET capture = 1 WHERE id = ?", {ana->id}));
  ASSERT_TRUE(directory.reload(*database_));
  EXPECT_TRUE(directory.consents(ana->id)->capture);
}

TEST_F(People, AFailedReloadKeepsTheOldSnapshot) {
  const auto ana = roster_->create_person({.name = "Ana", .team = "Search", .consents = {}});
  const auto key = roster_->create_key(ana->id);
  Directory directory;
  ASSERT_TRUE(directory.reload(*database_));
  ASSERT_TRUE(database_->execute_script("DROP TABLE api_key"));
  EXPECT_FALSE(directory.reload(*database_));
  EXPECT_TRUE(directory.find_key(key->secret));
}

}  // namespace
}  // namespace hone::people
