#include "feedback/review.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <queue>
#include <tuple>

#include "base/hash.h"

namespace hone::feedback {
namespace {

constexpr double kUncertaintyShare = 0.5;
constexpr double kDisagreementShare = 0.3;
constexpr double kRecencyShare = 0.2;
constexpr double kSamePerson = 0.6;
constexpr double kSameTopic = 0.8;
constexpr double kSameConversation = 0.3;
constexpr double kUnspokenOf = 0.5;
constexpr double kHalfLifeDays = 7;

using Seen = std::map<std::string_view, int>;

double recency_of(Time at, Time now) {
  const std::chrono::duration<double, std::ratio<86400>> age = now - at;
  return std::exp2(-std::max(age.count(), 0.0) / kHalfLifeDays);
}

double lessened(double factor, const Seen& seen, std::string_view name) {
  if (name.empty()) return 1;
  const auto found = seen.find(name);
  return found == seen.end() ? 1 : std::pow(factor, found->second);
}

// What is in the queue already.
struct ReviewChosen {
  Seen persons;
  Seen topics;
  Seen conversations;

  [[nodiscard]] double factor(const ReviewCandidate& one) const {
    return lessened(kSamePerson, persons, one.person) * lessened(kSameTopic, topics, one.topic) *
           lessened(kSameConversation, conversations, one.conversation);
  }
  void add(const ReviewCandidate& one) {
    ++persons[one.person];
    ++topics[one.topic];
    ++conversations[one.conversation];
  }
};

}  // namespace

std::vector<ReviewItem> rank_for_review(const std::vector<ReviewCandidate>& candidates, Time now,
                                        std::size_t limit) {
  std::vector<double> worth;  // before what stands in the queue lessens it
  worth.reserve(candidates.size());
  const auto behind = [&candidates](const ReviewItem& a, const ReviewItem& b) {
    const auto& one = candidates[a.candidate];
    const auto& other = candidates[b.candidate];
    return std::tie(a.score, one.at, one.id) < std::tie(b.score, other.at, other.id);
  };
  std::priority_queue<ReviewItem, std::vector<ReviewItem>, decltype(behind)> waiting(behind);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& one = candidates[i];
    const double recency = recency_of(one.at, now);
    worth.push_back(kUncertaintyShare * one.uncertainty + kDisagreementShare * one.disagreement +
                    kRecencyShare * recency);
    waiting.push({i, worth.back(), recency});
  }
  // Scores only fall as the queue grows, so one that is still what it was when it was put in is the
  // highest of all.
  std::vector<ReviewItem> queue;
  ReviewChosen chosen;
  while (!waiting.empty() && queue.size() < limit) {
    ReviewItem best = waiting.top();
    waiting.pop();
    const auto& one = candidates[best.candidate];
    const double score = worth[best.candidate] * chosen.factor(one);
    if (score < best.score) {
      best.score = score;
      waiting.push(best);
      continue;
    }
    chosen.add(one);
    queue.push_back(best);
  }
  return queue;
}

double uncertainty_of(std::string_view verdict, std::optional<double> strength) {
  if (verdict.empty()) return kUnspokenOf;
  if (verdict == "contested") return 1;
  return 1 - std::clamp(strength.value_or(0), 0.0, 1.0);
}

double disagreement_of(double supporting, double opposing) {
  const double larger = std::max(supporting, opposing);
  return larger > 0 ? std::max(std::min(supporting, opposing), 0.0) / larger : 0;
}

double lean_of(std::string_view verdict, std::optional<double> strength) {
  const double strong = std::clamp(strength.value_or(0), 0.0, 1.0);
  if (verdict == "accepted") return strong;
  if (verdict == "rejected" || verdict == "modified") return -strong;
  return 0;
}

double uncertainty_of_pair(double lean, double other_lean) {
  return 1 - std::clamp(std::abs(lean - other_lean) / 2, 0.0, 1.0);
}

bool swaps_sides(std::string_view reviewer, std::string_view first, std::string_view second) {
  std::string told(reviewer);
  for (const auto part : {first, second}) told.append("\n").append(part);
  return (sha256(told)[0] & 1U) != 0;
}

}  // namespace hone::feedback
