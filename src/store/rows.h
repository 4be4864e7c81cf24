// Outbox records as rows. Each function writes one record inside a transaction of the caller's, and
// writing it again changes nothing. The database's errors come through; a payload that does not
// read is kInvalid.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "store/database.h"
#include "store/outbox.h"

namespace hone::store {

struct RowOptions {
  bool feedback_waits = true;  // if not, an interaction does not look for what came before it
  bool compress = true;        // contents of blocks (store/block_content.h)
};

// Interactions, feedback, consent. Starts are the indexer's own (they need its outbox); an erasure
// is kInvalid as long as nothing carries it out.
[[nodiscard]] Result<void> write_record(Database& db, const OutboxRecord& record,
                                        const RowOptions& options = {});
// Whether any feedback waits for its interaction.
[[nodiscard]] Result<bool> feedback_waits(Database& db);

[[nodiscard]] Result<void> write_start(Database& db, const InteractionStart& start,
                                       std::string_view outbox, std::int64_t position);
// Makes an interaction with content 'cut' of each start of `outbox` at or before `position`.
[[nodiscard]] Result<std::int64_t> cut_off_starts(Database& db, std::string_view outbox,
                                                  std::int64_t position);

// Adds to a counter.
[[nodiscard]] Result<void> count(Database& db, std::string_view name, std::int64_t more);

// Links feedback that still waits for an interaction which is there: with several indexers on
// PostgreSQL the two may have been written at the same moment, neither seeing the other.
[[nodiscard]] Result<std::int64_t> link_waiting_feedback(Database& db);

// Feedback that waits for its interaction, and what of it was given up.
struct WaitingFeedback {
  std::int64_t waits = 0;
  std::int64_t expired = 0;      // waited too long
  std::int64_t crowded_out = 0;  // the oldest of too many
  // Outcomes of commits, which name no interaction and wait for good: apart from all these.
  std::int64_t outcomes = 0;
  std::int64_t outcomes_expired = 0;
  std::int64_t outcomes_crowded_out = 0;
};

// Removes what came before `since` and still waits (where it is not known when it came, it does not
// expire), then the oldest beyond `at_most`, of outcomes and of the rest. Counted in `counter` as
// feedback_expired, feedback_crowded_out, outcomes_expired and outcomes_crowded_out. In a
// transaction of the caller's.
[[nodiscard]] Result<WaitingFeedback> bound_waiting_feedback(Database& db, Time since,
                                                             std::int64_t at_most);

}  // namespace hone::store
