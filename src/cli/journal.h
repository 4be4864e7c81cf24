// The server's own outbox, with the calls under way and the index that belong to it. It is `main`;
// a server that takes another one's place while that one ends what it began takes `main-2`, and so
// on: each writes into its own, and nobody waits. What they leave: cli/elders.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/capture_settings.h"
#include "cli/workspace.h"
#include "store/in_flight.h"
#include "store/indexer.h"
#include "store/outbox.h"

namespace hone::cli {

// Members are destroyed from the last to the first.
struct Journal {
  std::string name;
  std::unique_ptr<store::Outbox> outbox;
  std::unique_ptr<store::InFlight> in_flight;
  std::unique_ptr<store::Indexer> indexer;  // not started
};

[[nodiscard]] bool is_servers_journal(std::string_view name);

// Whether a process has the outbox of that name.
[[nodiscard]] bool is_held(const Workspace& workspace, std::string_view name);

[[nodiscard]] store::OutboxOptions outbox_options(const CaptureSettings& settings);

// With what an earlier process left in it: calls that were cut off are in the outbox afterwards,
// or, where that has no room, still in `in_flight`. `database` is the index's own connection.
[[nodiscard]] Result<Journal> open_journal(Workspace& workspace, const std::string& name,
                                           store::Database& database,
                                           const store::OutboxOptions& options);

// The one to serve with. `succeeds`: another server of this data folder may still run, and the
// first journal that nobody has is taken; else that is refused with kUnavailable.
[[nodiscard]] Result<Journal> open_own_journal(Workspace& workspace, store::Database& database,
                                               const store::OutboxOptions& options, bool succeeds);

// Brings into the database what commands left that were killed.
[[nodiscard]] Result<void> adopt_commands(Workspace& workspace);

}  // namespace hone::cli
