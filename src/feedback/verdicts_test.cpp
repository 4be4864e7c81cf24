#include "feedback/verdicts.h"

#include <gtest/gtest.h>

#include "feedback/cases.h"
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
  static Replayed replayed(store::Database& db, const Policy& policy, ReplayOptions options) {
    auto report = replay(db, policy, options);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? std::move(*report) : Replayed();
  }
  static std::string all_verdicts(store::Database& db) {
    const auto rows = db.query("SELECT * FROM verdict ORDER BY interaction_id");
    EXPECT_TRUE(rows) << rows.error().message;
    std::string text;
    for (const auto row : *rows) {
      text += row.text("interaction_id") + " " + row.text("policy") + " " + row.text("verdict") +
              " " + std::to_string(row.real("strength")) + " " + row.text("reasons") + "\n";
    }
    return text;
  }
};

Policy strict_policy() {
  return parse_policy("version = \"strict\"\n[accepted]\ndirection = \"none\"\n", "p").value();
}

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

TEST_P(Verdicts, ReplayShowsWhatAPolicyWouldChangeAndWritesNothing) {
  const auto db = open();
  test::SampleStore sample(*db);
  for (const auto* id : {"i1", "i2", "i3", "i4", "i5"}) sample.interaction({.id = id});
  sample.feedback("i1", {.kind = "accepted"});
  sample.feedback("i2", {.kind = "accepted", .person = "ann"});
  sample.feedback("i3", {.kind = "edited", .final_text = "Hello dear"});
  sample.feedback("i4", {.kind = "shown"});
  EXPECT_EQ(refreshed(*db), 4);
  sample.feedback("i5", {.kind = "accepted"});  // not decided yet
  const std::string before = all_verdicts(*db);

  const auto report = replayed(*db, strict_policy(), {.examples = 1});
  EXPECT_EQ(report.interactions, 5);
  EXPECT_EQ(report.signals, 5);
  EXPECT_EQ(report.changed, 3);
  EXPECT_EQ(report.written, 0);
  const std::map<std::pair<std::string, std::string>, std::int64_t> expected = {
      {{"accepted", "none"}, 2}, {{"modified", "none"}, 1}, {{"none", "none"}, 2}};
  EXPECT_EQ(report.verdicts, expected);
  EXPECT_EQ(report.sources.at("api:ann").changed, 1);
  EXPECT_EQ(report.sources.at("api:").interactions, 4);
  ASSERT_EQ(report.examples.size(), 2U) << "one of each kind of change";
  EXPECT_EQ(report.examples[0].interaction, "i1");
  EXPECT_EQ(report.examples[0].before, "accepted");
  EXPECT_GT(report.examples[0].strength_before, 0.7);
  EXPECT_EQ(report.examples[1].interaction, "i3");
  EXPECT_EQ(all_verdicts(*db), before);
}

TEST_P(Verdicts, ReplayAppliesANewPolicyToOldFeedbackOnce) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted"});
  sample.interaction({.id = "i2"});
  sample.feedback("i2", {.kind = "edited", .value = 0.3, .final_text = "Hello dear"});
  EXPECT_EQ(refreshed(*db), 2);
  const std::string before = all_verdicts(*db);
  EXPECT_EQ(replayed(*db, default_policy(), {.apply = true}).written, 0)
      << "what refresh decided is what replay decides";
  EXPECT_EQ(replayed(*db, strict_policy(), {.apply = true}).written, 2);
  EXPECT_EQ(verdict_of(*db, "i1"), "none");
  EXPECT_EQ(replayed(*db, strict_policy(), {.apply = true}).written, 0);
  EXPECT_EQ(replayed(*db, default_policy(), {.apply = true}).written, 2);
  EXPECT_EQ(all_verdicts(*db), before);
}

TEST_P(Verdicts, ReplayForgetsWhatNothingSupportsAnyMore) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted"});
  EXPECT_EQ(refreshed(*db), 1);
  ASSERT_TRUE(db->execute("DELETE FROM feedback"));
  EXPECT_EQ(replayed(*db, default_policy(), {}).changed, 1);
  EXPECT_EQ(verdict_of(*db, "i1"), "accepted");
  EXPECT_EQ(replayed(*db, default_policy(), {.apply = true}).written, 1);
  EXPECT_EQ(verdict_of(*db, "i1"), "none");
}

TEST_P(Verdicts, RefreshForgetsWhatNothingSupportsAnyMore) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted"});
  EXPECT_EQ(refreshed(*db), 1);
  ASSERT_TRUE(db->execute("DELETE FROM feedback"));
  ASSERT_TRUE(db->execute("INSERT INTO verdict_due (interaction_id) VALUES ('i1')"));
  EXPECT_EQ(refreshed(*db), 1);
  EXPECT_EQ(verdict_of(*db, "i1"), "none");
}

TEST_P(Verdicts, CasesComeWholeWhateverAPageHolds) {
  const auto db = open();
  test::SampleStore sample(*db);
  int said = 0;
  for (int i = 0; i < 7; ++i) {
    const std::string id = "i" + std::to_string(i);
    sample.interaction({.id = id, .answer = "Hello " + id});
    for (int n = 0; n < (i == 3 ? 5 : 1); ++n, ++said) {
      sample.feedback(id, {.kind = "corrected", .final_text = "Dear " + std::to_string(n)});
    }
  }
  // What waits for its interaction is no case; nor is what lost it.
  sample.feedback("", {.kind = "accepted"});
  sample.feedback("gone", {.kind = "accepted"});
  for (const std::int64_t page : {1, 2, 3, 1000}) {
    CaseReader reader(*db, {.page = page});
    std::vector<std::string> ids;
    int signals = 0;
    while (true) {
      const auto cases = reader.next();
      ASSERT_TRUE(cases) << cases.error().message;
      if (cases->empty()) break;
      for (const Case& one : *cases) {
        ids.push_back(one.id);
        signals += static_cast<int>(one.signals.size());
        EXPECT_EQ(one.answer, "Hello " + one.id);
        EXPECT_TRUE(one.has_answer);
      }
    }
    EXPECT_EQ(ids, (std::vector<std::string>{"i0", "i1", "i2", "i3", "i4", "i5", "i6"})) << page;
    EXPECT_EQ(signals, said) << page;
  }
}

// Eleven people who judge the same work, of whom Carla takes whatever comes.
TEST_P(Verdicts, CountForLessFromWhoTakesWhateverComes) {
  const auto db = open();
  test::SampleStore sample(*db);
  const auto person_of = [](int i) { return i == 0 ? "carla" : "p" + std::to_string(i); };
  for (int person = 0; person < 11; ++person) {
    sample.person(person_of(person));
    for (int n = 0; n < 30; ++n) {
      const std::string id = "i" + std::to_string(person) + "-" + std::to_string(n);
      sample.interaction({.id = id});
      sample.feedback(id, {.kind = person == 0 || n % 5 < 3 ? "accepted" : "rejected",
                           .person = person_of(person)});
    }
  }
  EXPECT_EQ(refreshed(*db), 330);
  const auto strength_of = [&](const std::string& id) {
    const auto rows = db->query("SELECT strength FROM verdict WHERE interaction_id = ?", {id});
    return rows.value().front().real("strength");
  };
  EXPECT_NEAR(strength_of("i0-0"), 0.80, 0.01);
  const auto report = replayed(*db, default_policy(), {.apply = true});
  EXPECT_EQ(report.people.size(), 11U);
  EXPECT_EQ(report.changed, 0) << "a habit weakens a verdict, it does not turn it round";
  EXPECT_EQ(report.weakened, 30);
  EXPECT_EQ(report.written, 30);
  EXPECT_LT(strength_of("i0-0"), 0.5);
  EXPECT_NEAR(strength_of("i1-0"), 0.80, 0.01);
  EXPECT_EQ(replayed(*db, default_policy(), {.apply = true}).written, 0);

  // What comes later is decided by what is known of her.
  sample.interaction({.id = "later"});
  sample.feedback("later", {.kind = "accepted", .person = "carla"});
  EXPECT_EQ(refreshed(*db), 1);
  EXPECT_EQ(strength_of("later"), strength_of("i0-0"));
  const auto explained = explain(*db, default_policy(), "later");
  ASSERT_TRUE(explained);
  EXPECT_NE(to_text(*explained).find(" habit"), std::string::npos) << to_text(*explained);
}

TEST_P(Verdicts, ExplainShowsTheArithmetic) {
  const auto db = open();
  test::SampleStore sample(*db);
  sample.interaction({.id = "i1"});
  sample.feedback("i1", {.kind = "accepted", .by = "automatic"});
  sample.feedback("i1", {.kind = "rejected"});
  sample.feedback("i1", {.kind = "retried"});
  sample.feedback("i1", {.kind = "retried"});
  const auto explained = explain(*db, default_policy(), "i1");
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ(to_text(*explained),
            "i1 under policy 2 (" + default_policy().digest.substr(0, 12) +
                ")\n"
                "  running    adds\n"
                "    +0.00   +0.00  accepted by automatic  fb_1  (an automatic approval is not an "
                "acceptance)\n"
                "    -2.20   -2.20  rejected by person  fb_2\n"
                "    -3.00   -0.80  retried by person  fb_3\n"
                "    -3.40   -0.40  retried by person  fb_4  = -1.00 x 0.80 x 0.50 said before  "
                "(said before: counts less)\n"
                "  +0.00 for, -3.40 against: -3.40\n"
                "rejected, strength tanh(3.40 / 2) = 0.94\n");
  const json::object object = to_json(*explained);
  EXPECT_EQ(object.at("verdict").as_string(), "rejected");
  ASSERT_EQ(object.at("signals").as_array().size(), 4U);
  const json::object& last = object.at("signals").as_array()[3].as_object();
  EXPECT_NEAR(last.at("running").as_double(), -3.4, 1e-9);
  EXPECT_EQ(last.at("steps").as_array()[0].as_object().at("why").as_string(), "said before");
  sample.interaction({.id = "i2"});
  const auto silent = explain(*db, default_policy(), "i2");
  ASSERT_TRUE(silent) << silent.error().message;
  EXPECT_NE(to_text(*silent).find("no verdict"), std::string::npos);
  EXPECT_TRUE(to_json(*silent).at("verdict").is_null());
  const auto unknown = explain(*db, default_policy(), "i9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Databases, Verdicts, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::feedback
