// Mines the conversation tree in the store: each interaction that the indexer wrote since the last
// time (table `mining_due`) is read for what it says about the answer before it, and what that
// amounts to goes out as feedback, through the door by which all feedback comes.
//
//   Miner miner(database, rules, clock);
//   auto report = miner.mine_batch([&](auto records) { return append_synced(outbox, records); });
//
// Restartable: interactions are due until their signals are on disk, and a signal has the same id
// and idempotency key whenever it is mined, so that a crash in between, a second server and a
// second mining add nothing. Order does not matter: an answer that is indexed after what followed
// it finds that. Bounded: a batch of interactions, for each the last messages of its path.
//
// Blocking; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "feedback/mining_rules.h"
#include "store/outbox.h"

namespace hone::store {
class Database;
}

namespace hone::feedback {

struct MiningReport {
  std::int64_t interactions = 0;  // read
  std::int64_t signals = 0;       // new ones
  std::int64_t unreadable = 0;    // interactions whose conversation is damaged or incomplete
};

class Miner {
 public:
  // Returns once the records are on disk; a failure leaves the interactions due.
  using Sink = std::function<Result<void>(std::vector<store::OutboxRecord>)>;

  Miner(store::Database& database, const MiningRules& rules, Clock& clock)
      : database_(database), rules_(rules), clock_(clock) {}

  // At most `most` interactions; a report of 0 where none is due.
  [[nodiscard]] Result<MiningReport> mine_batch(const Sink& sink, std::int64_t most = 200);

 private:
  store::Database& database_;
  const MiningRules& rules_;
  Clock& clock_;
};

// Makes all interactions due again (those of importers aside, who bring their own feedback), and
// removes what other versions of the rules mined: to be mined anew by these. Returns how many are
// due.
[[nodiscard]] Result<std::int64_t> mine_again(store::Database& database, const MiningRules& rules);

}  // namespace hone::feedback
