#include "feedback/review.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace hone::feedback {
namespace {

const Time kReviewNow = from_millis(1'800'000'000'000);

Time days_ago(int days) {
  return kReviewNow - std::chrono::hours(24 * days);
}

ReviewCandidate review_candidate(const std::string& id, double uncertainty, int days = 0) {
  return {.id = id, .uncertainty = uncertainty, .at = days_ago(days)};
}

std::vector<std::string> ranked_ids(const std::vector<ReviewCandidate>& candidates,
                                    std::size_t limit = 100) {
  std::vector<std::string> ids;
  for (const auto& item : rank_for_review(candidates, kReviewNow, limit)) {
    ids.push_back(candidates[item.candidate].id);
  }
  return ids;
}

using Ids = std::vector<std::string>;

TEST(Review, TheUncertainComesBeforeTheCertainAndTheDividedBeforeTheUnanimous) {
  auto contested = review_candidate("contested", uncertainty_of("contested", 0.1));
  contested.disagreement = disagreement_of(2.2, 2.0);
  auto divided = review_candidate("divided", uncertainty_of("accepted", 0.4));
  divided.disagreement = disagreement_of(3, 1);
  const auto weak = review_candidate("weak", uncertainty_of("rejected", 0.4));
  const auto silent = review_candidate("silent", uncertainty_of("", std::nullopt));
  const auto sure = review_candidate("sure", uncertainty_of("accepted", 0.95));
  EXPECT_EQ(ranked_ids({sure, silent, weak, divided, contested}),
            (Ids{"contested", "divided", "weak", "silent", "sure"}));
}

TEST(Review, OfEqualOnesTheNewerComesFirstAndAWeekHalvesWhatItIsWorth) {
  EXPECT_EQ(ranked_ids({review_candidate("old", 0.5, 30), review_candidate("new", 0.5)}),
            (Ids{"new", "old"}));
  EXPECT_EQ(ranked_ids({review_candidate("old and open", 0.8, 7), review_candidate("new", 0.5)}),
            (Ids{"old and open", "new"}));
  const auto queue =
      rank_for_review({review_candidate("a", 1), review_candidate("b", 0, 7)}, kReviewNow, 2);
  ASSERT_EQ(queue.size(), 2U);
  EXPECT_NEAR(queue[0].score, 0.7, 1e-12);
  EXPECT_NEAR(queue[1].recency, 0.5, 1e-12);
  EXPECT_NEAR(queue[1].score, 0.1, 1e-12);
  EXPECT_NEAR(rank_for_review({review_candidate("ahead", 0, -1)}, kReviewNow, 1)[0].recency, 1,
              1e-12)
      << "a clock that is ahead gains nothing";
}

TEST(Review, AQueueIsNotOnePersonsAfternoon) {
  std::vector<ReviewCandidate> candidates;
  for (int i = 0; i < 5; ++i) {
    auto one = review_candidate("ann" + std::to_string(i), 0.9);
    one.person = "ann";
    candidates.push_back(one);
  }
  auto other = review_candidate("bob", 0.5);
  other.person = "bob";
  candidates.push_back(other);
  EXPECT_EQ(ranked_ids(candidates, 3), (Ids{"ann4", "bob", "ann3"}));

  auto same_talk = review_candidate("same talk", 0.9);
  auto same_topic = review_candidate("same topic", 0.9);
  auto first = review_candidate("zfirst", 0.9);
  first.conversation = same_talk.conversation = "s";
  first.topic = same_topic.topic = "t";
  const auto less = review_candidate("less", 0.4);
  EXPECT_EQ(ranked_ids({first, same_talk, same_topic, less}),
            (Ids{"zfirst", "same topic", "less", "same talk"}));
  // Nobody's and no conversation's are not all one's.
  std::vector<ReviewCandidate> alone(3, review_candidate("x", 0.5));
  for (const auto& item : rank_for_review(alone, kReviewNow, 3)) {
    EXPECT_NEAR(item.score, 0.45, 1e-12);
  }
}

TEST(Review, IsTheSameInWhateverOrderItIsAsked) {
  std::vector<ReviewCandidate> candidates;
  for (int i = 0; i < 200; ++i) {
    auto one = review_candidate("i" + std::to_string(1000 + i), (i * 37 % 11) / 10.0, i % 5);
    one.person = "p" + std::to_string(i % 7);
    one.topic = "t" + std::to_string(i % 3);
    one.disagreement = (i % 4) / 4.0;
    candidates.push_back(one);
  }
  const auto forward = ranked_ids(candidates);
  EXPECT_EQ(forward.size(), 100U);
  EXPECT_EQ(std::set<std::string>(forward.begin(), forward.end()).size(), 100U);
  std::ranges::reverse(candidates);
  EXPECT_EQ(ranked_ids(candidates), forward);
  const auto queue = rank_for_review(candidates, kReviewNow, 200);
  for (std::size_t i = 1; i < queue.size(); ++i) {
    EXPECT_LE(queue[i].score, queue[i - 1].score);
  }
  EXPECT_TRUE(rank_for_review({}, kReviewNow, 10).empty());
  EXPECT_TRUE(rank_for_review(candidates, kReviewNow, 0).empty());
}

TEST(Review, MeasuresAreBetweenNothingAndOne) {
  EXPECT_EQ(uncertainty_of("contested", 0.9), 1);
  EXPECT_EQ(uncertainty_of("accepted", 1.0), 0);
  EXPECT_EQ(uncertainty_of("rejected", std::nullopt), 1);
  EXPECT_EQ(disagreement_of(0, 0), 0);
  EXPECT_EQ(disagreement_of(2, 0), 0);
  EXPECT_EQ(disagreement_of(2, 2), 1);
  EXPECT_EQ(disagreement_of(1, 2), disagreement_of(2, 1));
  EXPECT_EQ(uncertainty_of_pair(lean_of("accepted", 1.0), lean_of("rejected", 1.0)), 0);
  EXPECT_EQ(uncertainty_of_pair(lean_of("", std::nullopt), lean_of("contested", 0.5)), 1);
  EXPECT_EQ(lean_of("modified", 0.5), -0.5) << "another text was better than the answer";
}

TEST(Review, NeitherAnswerHasTheBetterSeatAndEachReviewerHasACoin) {
  int swapped = 0;
  int differ = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string a = "int_" + std::to_string(i);
    const std::string b = "int_" + std::to_string(i + 1);
    swapped += swaps_sides("ann", a, b) ? 1 : 0;
    differ += swaps_sides("ann", a, b) == swaps_sides("bob", a, b) ? 0 : 1;
    EXPECT_EQ(swaps_sides("ann", a, b), swaps_sides("ann", a, b));
  }
  // Four standard deviations of a fair coin are 89.
  EXPECT_NEAR(swapped, 1000, 90);
  EXPECT_NEAR(differ, 1000, 90);
}

}  // namespace
}  // namespace hone::feedback
