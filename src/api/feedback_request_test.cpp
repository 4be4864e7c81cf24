#include "api/feedback_request.h"

#include <gtest/gtest.h>

namespace hone::api {
namespace {

const FeedbackContext kContext{.source = "api:key_1",
                               .person = "per_1",
                               .now = from_millis(1764000000000),
                               .fresh_key = "fresh"};

Result<store::Feedback> parse(const char* text) {
  return parse_feedback(parse_json_object(text).value(), kContext);
}

TEST(FeedbackRequest, ReadsEveryField) {
  const auto feedback =
      parse(R"({"handle": {"kind": "response", "value": "resp_1"}, "kind": "edited",
    "final_text": "better", "comment": "shorter", "by": "agent", "value": 0.5,
    "at": "2025-11-24T15:00:00Z", "idempotency_key": "k"})")
          .value();
  EXPECT_EQ(feedback.handle.kind, "response");
  EXPECT_EQ(feedback.final_text, "better");
  EXPECT_EQ(feedback.by, "agent");
  EXPECT_EQ(to_text(feedback.at), "2025-11-24T15:00:00.000Z");
  EXPECT_EQ(feedback.person, "per_1");
}

TEST(FeedbackRequest, TheSameKeyGivesTheSameId) {
  const auto first =
      parse(R"({"handle": "x", "kind": "accepted", "idempotency_key": "k"})").value();
  const auto again =
      parse(R"({"handle": "x", "kind": "accepted", "idempotency_key": "k"})").value();
  const auto other = parse(R"({"handle": "x", "kind": "accepted"})").value();
  EXPECT_EQ(first.id, again.id);
  EXPECT_NE(first.id, other.id);
  EXPECT_EQ(other.idempotency_key, "fresh");
  EXPECT_EQ(other.by, "person");
}

TEST(FeedbackRequest, KeepsWhatAComparisonWasWithAndWhereItStood) {
  const auto compared = parse(
      R"({"handle": "x", "kind": "compared", "value": 1, "against": "y", "place": "second"})");
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(json::serialize(compared->detail), R"({"against":"y","place":"second"})");
  EXPECT_TRUE(parse(R"({"handle": "x", "kind": "accepted"})")->detail.empty());
}

TEST(FeedbackRequest, OfACommitIsNotForKeysThatOpenFeedbackOnly) {
  const auto body = parse_json_object(R"({"handle": {"kind": "commit", "value": "c0ffee"},
    "kind": "outcome", "value": 1})")
                        .value();
  EXPECT_TRUE(parse_feedback(body, kContext));
  FeedbackContext page = kContext;
  page.of_commits = false;
  const auto refused = parse_feedback(body, page);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_TRUE(
      parse_feedback(parse_json_object(R"({"handle": "x", "kind": "accepted"})").value(), page));
}

TEST(FeedbackRequest, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "'handle' is missing"},
      {R"({"handle": 3, "kind": "accepted"})", "'handle' must be a string"},
      {R"({"handle": "", "kind": "accepted"})", "'handle' must have 1"},
      {R"({"handle": {"kind": "id"}, "kind": "accepted"})", "handle: field 'value' is missing"},
      {R"({"handle": "x"})", "'kind' is missing"},
      {R"({"handle": "x", "kind": "liked"})", "'kind' must be one of"},
      {R"({"handle": "x", "kind": "accepted", "by": "me"})", "'by' must be one of"},
      {R"({"handle": "x", "kind": "rated"})", "'value' is missing"},
      {R"({"handle": "x", "kind": "rated", "value": 2})", "'value' must be a number from 0 to 1"},
      {R"({"handle": "x", "kind": "accepted", "at": "soon"})", "field 'at'"},
      {R"({"handle": "x", "kind": "accepted", "at": "2999-01-01"})", "in the future"},
      {R"({"handle": "x", "kind": "edited", "fnal_text": "y"})", "did you mean 'final_text'?"},
      {R"({"handle": "x", "kind": "rated", "value": 1, "against": "y"})", "'against' goes with"},
      {R"({"handle": "x", "kind": "compared", "against": ""})", "'against' must have 1"},
      {R"({"handle": "x", "kind": "compared", "place": "left"})", "'place' must be one of first"},
      {R"({"handle": "x", "kind": "edited", "final_text": 7})", "'final_text' must be a string"},
  };
  for (const auto& [body, message] : cases) {
    const auto feedback = parse(body);
    ASSERT_FALSE(feedback) << body;
    EXPECT_NE(feedback.error().message.find(message), std::string::npos)
        << body << ": " << feedback.error().message;
  }
}

}  // namespace
}  // namespace hone::api
