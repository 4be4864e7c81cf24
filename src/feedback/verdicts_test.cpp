#include "feedback/verdicts.h"

#include <gtest/gtest.h>

#include "support/databases.h"
#include "support/sample_store.h"

namespace hone::feedback {
namespace {

class Verdicts : public test::OnBothDatabases {
 protected:
  static std::string verdict_of(store::Database& db, const std::string& id) {
    const auto rows = db.query("SELECT verdict FROM verdict WHERE interaction_id = ?", {id});
    EXPECT_TRUE(rows) << rows.error().message;
    return rows->empty() ? "none" : rows->front().text("verdict");
  }
  static std::int64_t refreshed(store::Database& db, const Policy& policy = default_policy()) {
    const auto count = refresh(db, policy);
    EXPECT_TRUE(count) << (count ? "" : count.error().message);
    return count.value_or(-1);
  }
};

TEST_P(Verdicts, RefreshDecidesWhatChangedAndNothingElse) {
  const auto db = open();
  test::SampleStore sample(*db);
  for (const auto* id : {"i1", "i2", "i3"}) sample.interaction({.id = id, .answer = "Hello you"});
  sample.feedback("i1", {.kind = "accepted"});
  sample.feedback("i2", {.kind = "edited", .final_text = "Hello dear"});
  sample.feedback("i3", {.kind = "accepted", .by = "automatic"});
  EXPECT_EQ(refreshed(*db), 3);
  EXPECT_EQ(verdict_of(*db, "i1"), "accepted");
  EXPECT_EQ(verdict_of(*db, "i2"), "modified");
  EXPECT_EQ(verdict_of(*db, "i3"), "none");
  EXPECT_EQ(refreshed(*db), 0);

  sample.feedback("i1", {.kind = "rejected"});
  EXPECT_EQ(refreshed(*db), 1);
  EXPECT_EQ(verdict_of(*db, "i1"), "rejected");
}

TEST_P(Verdicts, KeepWhatTheyRestOn) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1", .answer = "Hello you"});
  sample.feedback("i1", {.kind = "edited", .final_text = "Hello dear"});
  EXPECT_EQ(refreshed(*db), 1);
  const auto rows = db->query("SELECT * FROM verdict");
  ASSERT_TRUE(rows);
  const auto row = rows->front();
  EXPECT_EQ(row.text("policy"), default_policy().version);
  EXPECT_EQ(row.text("final_text"), "Hello dear");
  EXPECT_NEAR(row.real("edit_distance"), 0.4, 1e-9);
  EXPECT_GT(row.real("strength"), 0.8);
  EXPECT_EQ(row.integer("decided_at"), 2'001'000);
  EXPECT_NE(row.text("reasons").find("\"signal\":\"fb_1\""), std::string::npos);
}

TEST_P(Verdicts, OfContentThatIsNotStoredHaveNoEditDistance) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1", .content = "no_consent"});
  sample.feedback("i1", {.kind = "edited", .final_text = "Hello dear"});
  EXPECT_EQ(refreshed(*db), 1);
  const auto rows = db->query("SELECT verdict, edit_distance FROM verdict");
  EXPECT_EQ(rows->front().text("verdict"), "modified");
  EXPECT_TRUE(rows->front().is_null("edit_distance"));
}

TEST_P(Verdicts, ManyAreDecidedInBatches) {
  const auto db = open();
  test::SampleStore sample(*db);
  for (int i = 0; i < 450; ++i) {
    const std::string id = "i" + std::to_string(i);
    sample.interaction({.id = id});
    sample.feedback(id, {.kind = i % 2 == 0 ? "accepted" : "rejected"});
  }
  EXPECT_EQ(refreshed(*db), 450);
  const auto rows = db->query("SELECT COUNT(*) AS n FROM verdict WHERE verdict = 'accepted'");
  EXPECT_EQ(rows->front().integer("n"), 225);
}

TEST_P(Verdicts, ReplayAppliesANewPolicyToOldFeedback) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted"});
  EXPECT_EQ(refreshed(*db), 1);
  const auto strict = parse_policy("version = \"strict\"\n[accepted]\ndirection = \"none\"\n", "p");
  ASSERT_TRUE(strict);
  EXPECT_EQ(refreshed(*db, *strict), 0);
  EXPECT_EQ(verdict_of(*db, "i1"), "accepted");
  const auto replayed = replay(*db, *strict);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(*replayed, 1);
  EXPECT_EQ(verdict_of(*db, "i1"), "none");
}

TEST_P(Verdicts, ReplayForgetsWhatNothingSupportsAnyMore) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted"});
  EXPECT_EQ(refreshed(*db), 1);
  ASSERT_TRUE(db->execute("DELETE FROM feedback"));
  const auto replayed = replay(*db, default_policy());
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(verdict_of(*db, "i1"), "none");
}

TEST_P(Verdicts, ExplainShowsTheArithmetic) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted", .by = "automatic"});
  sample.feedback("i1", {.kind = "rejected"});
  const auto text = explain(*db, default_policy(), "i1");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "i1 under policy 1\n"
            "  +0.00  accepted by automatic  fb_1 (an automatic approval is not an acceptance)\n"
            "  -2.20  rejected by person  fb_2\n"
            "  +0.00 for, -2.20 against: -2.20\n"
            "rejected, strength tanh(2.20 / 2) = 0.80\n");
  const auto unknown = explain(*db, default_policy(), "i9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Databases, Verdicts, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::feedback
