// Reads interactions of one batch (feedback/miner.h) and gathers what is to be written: the
// feedback that they show, and until when an answer waits to count as abandoned. Used inside this
// folder only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/conversation.h"
#include "feedback/mining.h"
#include "store/database.h"
#include "store/outbox.h"

namespace hone::feedback {

// What stands between an answer and the next one on a path: places from top to bottom.
struct Reply {
  std::optional<Place> answer;
  std::vector<Place> below;
};

class MiningPass {
 public:
  MiningPass(store::Database& db, const MiningRules& rules, Time now)
      : db_(db), rules_(rules), now_(now) {}

  // `again`: it was read before, and waited to count as abandoned.
  [[nodiscard]] Result<void> mine(const std::string& id, bool again);

  std::vector<store::OutboxRecord> records;
  std::map<std::string, Time> waits;  // until an answer counts as abandoned
  std::vector<std::string> followed;  // and for whom that is no question any more

 private:
  Result<void> read_reply_of(const Turn& turn);
  Result<bool> read_one(const Turn& turn, const Reply& reply);
  Result<std::size_t> read_stopped(const Turn& turn, const Reply& reply,
                                   const std::vector<json::object>& messages);
  Result<std::optional<Turn>> find_answerer(const Turn& turn, const Place& place,
                                            const json::object& answer, bool interrupted);
  Result<void> read_repeats(const Turn& turn);
  Result<void> read_retried(const Turn& turn, bool in_conversation);
  Result<void> read_rewritten(const Turn& turn, const std::vector<Place>& up, bool in_conversation);
  Result<void> read_abandoned(const Turn& turn);

  Result<std::optional<Turn>> choose(const Turn& turn, const Result<std::vector<Turn>>& candidates);
  Result<bool> same_session(const Turn& a, const Turn& b, bool in_conversation);
  Result<void> add(const Turn& about, const Turn& witness, const Finding& finding,
                   std::string_view place, Time at);
  Result<bool> is_known(std::string_view interaction, std::string_view key);

  store::Database& db_;
  const MiningRules& rules_;
  const Time now_;
  std::set<std::string> added_;  // idempotency keys
};

}  // namespace hone::feedback
