#include "capture/retries.h"

#include <algorithm>

#include "capture/gateway_relay.h"

namespace hone::capture {
namespace {

// SDKs come back within seconds, agents that count their attempts within minutes.
constexpr std::chrono::minutes kPatience{10};

MemoKey of_person(const MemoKey& body, const store::Interaction& facts) {
  return memo_key(facts.person, body);
}

}  // namespace

bool was_answered(std::int64_t status, bool complete) {
  // 408, 409 and 429 are what SDKs try again besides errors of the server.
  if (status == 0 || status >= 500 || status == 408 || status == 409 || status == 429) return false;
  return status >= 400 || complete;
}

std::string Retries::earlier(const MemoKey& body, const store::Interaction& facts) {
  const auto attempt = unanswered_.find(of_person(body, facts));
  if (!attempt || facts.started_at < attempt->from || facts.started_at > attempt->until) return {};
  return attempt->id.data();
}

void Retries::ended(const MemoKey& body, const store::Interaction& facts, bool answered) {
  if (answered) {
    // What comes now is asked anew. Nothing is kept of a call that had no attempt before it.
    if (!facts.retry_of.empty()) unanswered_.add(of_person(body, facts), {});
    return;
  }
  const Time end = facts.started_at + std::chrono::milliseconds(facts.duration_ms);
  // A client that went away may be back before that has been noticed; one that has an error in hand
  // asks again after it.
  const bool gone = facts.status == 0 || facts.error == name(RelayFailure::kClientGone);
  Attempt attempt{.id = {}, .from = gone ? facts.started_at : end, .until = end + kPatience};
  if (facts.id.size() >= attempt.id.size()) return;  // none of ours
  std::ranges::copy(facts.id, attempt.id.begin());
  unanswered_.add(of_person(body, facts), attempt);
}

}  // namespace hone::capture
