// The review queue and the pairs to compare, over stores that the test fills, on both databases.
#include <gtest/gtest.h>

#include "api/feedback_request.h"
#include "api/reads.h"
#include "feedback/policy.h"
#include "feedback/verdicts.h"
#include "support/databases.h"
#include "support/sample_store.h"

namespace hone::api {
namespace {

class ReviewQueue : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (IsSkipped()) return;
    db_ = open();
    sample_ = std::make_unique<test::SampleStore>(*db_);
    reviewer_.person = "rev";
    reviewer_.role = people::Role::kLead;
  }
  [[nodiscard]] json::object read_from(const std::string& target) {
    net::Request request;
    request.method = "GET";
    request.target = "/api/v1/" + target;
    auto value = read(*db_, request, reviewer_, from_millis(10'000'000));
    EXPECT_TRUE(value) << value.error().message;
    return value ? value->as_object() : json::object();
  }
  [[nodiscard]] std::vector<std::string> queue() {
    std::vector<std::string> ids;
    const auto answer = read_from("review");
    for (const auto& item : answer.at("queue").as_array()) {
      ids.emplace_back(item.at("id").as_string());
    }
    return ids;
  }
  void decide() { ASSERT_TRUE(feedback::refresh(*db_, feedback::default_policy())); }
  // As POST /api/v1/feedback and the indexer would store it.
  void say(const std::string& interaction, const std::string& body) {
    const auto parsed = parse_json_object(body);
    ASSERT_TRUE(parsed) << parsed.error().message;
    const auto feedback = parse_feedback(
        *parsed, {"api:key_rev", reviewer_.person, from_millis(5'000'000), interaction});
    ASSERT_TRUE(feedback) << feedback.error().message;
    const auto stored = db_->execute(
        "INSERT INTO feedback (id, source, idempotency_key, handle_kind, handle_value,"
        " interaction_id, kind, by_whom, person_id, value, final_text, comment, detail, at,"
        " received_at) VALUES (?, ?, ?, 'id', ?, ?, ?, ?, ?, ?, ?, NULL, ?, 0, 0)",
        {feedback->id, feedback->source, feedback->idempotency_key, interaction, interaction,
         feedback->kind, feedback->by, feedback->person, feedback->value, feedback->final_text,
         json::serialize(feedback->detail)});
    ASSERT_TRUE(stored) << stored.error().message;
  }

  std::unique_ptr<store::Database> db_;
  std::unique_ptr<test::SampleStore> sample_;
  people::Caller reviewer_;
};

using Ids = std::vector<std::string>;

TEST_P(ReviewQueue, BeginsWithWhatPeopleDisagreeAboutAndLeavesOutWhatHasNoAnswer) {
  sample_->interaction({.id = "agreed", .person = "ann", .prompt = "one"});
  sample_->interaction({.id = "disputed", .person = "bob", .prompt = "two"});
  sample_->interaction({.id = "silent", .person = "eve", .prompt = "three"});
  sample_->interaction(
      {.id = "withheld", .person = "ann", .prompt = "four", .content = "no_consent"});
  sample_->feedback("agreed", {.kind = "accepted", .person = "ann"});
  sample_->feedback("agreed", {.kind = "accepted", .person = "bob"});
  sample_->feedback("disputed", {.kind = "accepted", .person = "ann"});
  sample_->feedback("disputed", {.kind = "rejected", .person = "bob"});
  decide();
  EXPECT_EQ(queue(), (Ids{"disputed", "silent", "agreed"}));
  const auto answer = read_from("review?limit=1");
  ASSERT_EQ(answer.at("queue").as_array().size(), 1U);
  const auto& first = answer.at("queue").as_array().front().as_object();
  EXPECT_EQ(first.at("verdict"), "contested");
  EXPECT_EQ(first.at("uncertainty").to_number<double>(), 1);
  EXPECT_EQ(first.at("disagreement").to_number<double>(), 1);
  EXPECT_EQ(answer.at("considered").to_number<int>(), 3);
  EXPECT_EQ(read_from("review?limit=1"), answer) << "the same at every look";
}

TEST_P(ReviewQueue, ForgetsWhatTheReviewerHasRatedOrCorrectedAndNothingElse) {
  for (const char* id : {"a", "b", "c", "d"}) {
    sample_->interaction({.id = id, .person = "ann", .prompt = id});
  }
  say("a", R"({"handle": "a", "kind": "rated", "value": 0.5})");
  say("b", R"({"handle": "b", "kind": "corrected", "final_text": "better"})");
  say("c", R"({"handle": "c", "kind": "shown"})");
  sample_->feedback("d", {.kind = "rated", .value = 1, .person = "somebody else"});
  EXPECT_EQ(queue().size(), 2U);
  for (const auto& id : queue()) EXPECT_TRUE(id == "c" || id == "d") << id;
}

TEST_P(ReviewQueue, ShowsAnEmployeeWhatIsTheirs) {
  sample_->interaction({.id = "mine", .person = "rev", .prompt = "Hi", .answer = "one"});
  sample_->interaction({.id = "mine too", .person = "rev", .prompt = "Hi", .answer = "two"});
  sample_->interaction({.id = "other", .person = "ann", .prompt = "Hi", .answer = "three"});
  EXPECT_EQ(queue().size(), 3U);
  EXPECT_EQ(read_from("comparisons").at("considered").to_number<int>(), 3);
  reviewer_.role = people::Role::kEmployee;
  EXPECT_EQ(queue().size(), 2U);
  for (const auto& id : queue()) EXPECT_TRUE(id.starts_with("mine")) << id;
  const auto pairs = read_from("comparisons");
  EXPECT_EQ(pairs.at("considered").to_number<int>(), 1);
  EXPECT_EQ(json::serialize(pairs).find("three"), std::string::npos);
}

TEST_P(ReviewQueue, ComparesTwoAnswersToOneQuestionBlind) {
  sample_->interaction(
      {.id = "old", .person = "ann", .prompt = "Hi", .answer = "one", .arm = "baseline"});
  sample_->interaction(
      {.id = "new", .person = "bob", .prompt = "Hi", .answer = "two", .arm = "canary"});
  sample_->interaction({.id = "same", .person = "bob", .prompt = "Bye", .answer = "one"});
  sample_->interaction({.id = "again", .person = "ann", .prompt = "Bye", .answer = "one"});
  const auto pairs = read_from("comparisons").at("pairs").as_array();
  ASSERT_EQ(pairs.size(), 1U) << "two equal answers are no pair";
  const auto& pair = pairs.front().as_object();
  EXPECT_NE(json::serialize(pair.at("context")).find("Hi"), std::string::npos);
  std::map<std::string, std::string> answers;
  std::vector<std::string> places;
  for (const auto& answer : pair.at("answers").as_array()) {
    answers[std::string(answer.at("id").as_string())] = json::serialize(answer.at("output"));
    places.emplace_back(answer.at("place").as_string());
  }
  EXPECT_EQ(places, (std::vector<std::string>{"first", "second"}));
  EXPECT_NE(answers.at("old").find("\"one\""), std::string::npos);
  EXPECT_NE(answers.at("new").find("\"two\""), std::string::npos);
  const std::string text = json::serialize(pair);
  for (const char* told : {"ann", "bob", "baseline", "canary", "verdict", "engine", "model"}) {
    EXPECT_EQ(text.find(told), std::string::npos) << told;
  }

  const auto seat = [&] {
    const auto again = read_from("comparisons").at("pairs").as_array();
    return std::string(again.at(0).at("answers").at(0).at("id").as_string());
  };
  std::map<std::string, int> first;
  for (int i = 0; i < 40; ++i) {
    reviewer_.person = "rev" + std::to_string(i);
    ++first[seat()];
    EXPECT_EQ(seat(), seat());
  }
  EXPECT_EQ(first.size(), 2U) << "each answer stands first for some reviewers";

  say("new", R"({"handle": "new", "kind": "compared", "value": 1, "against": "old",
                 "place": "first"})");
  EXPECT_TRUE(read_from("comparisons").at("pairs").as_array().empty()) << "compared by this one";
  reviewer_.person = "rev0";
  EXPECT_EQ(read_from("comparisons").at("pairs").as_array().size(), 1U) << "and not by that one";
}

TEST_P(ReviewQueue, NamesAParameterThatIsWrong) {
  for (const char* target : {"review?limit=0", "review?limit=101", "comparisons?limit=x"}) {
    net::Request request;
    request.target = std::string("/api/v1/") + target;
    const auto value = read(*db_, request, reviewer_, from_millis(0));
    ASSERT_FALSE(value) << target;
    EXPECT_NE(value.error().message.find("'limit'"), std::string::npos) << value.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(Databases, ReviewQueue, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::api
