// The folder's tables read and written, for its own files: rows to structs and back. The writing
// ones are for the inside of a transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "release/registry.h"
#include "release/releases.h"
#include "store/database.h"

namespace hone::release {

[[nodiscard]] Alias alias_of(const store::Row& row);
[[nodiscard]] Result<void> write_alias(store::Database& database, std::string_view name,
                                       std::string_view upstream, std::string_view model, Time now);
// The id of the alias's running release, or "".
[[nodiscard]] Result<std::string> running_on(store::Database& database, std::string_view alias);

[[nodiscard]] Result<std::vector<Release>> query_releases(store::Database& database,
                                                          std::string_view where_and_order,
                                                          const store::Params& params);
[[nodiscard]] Result<void> insert_release(store::Database& database, const Release& release);
// State, share, reason and time of decision.
[[nodiscard]] Result<void> update_release(store::Database& database, const Release& release);

// The changes of state that a look makes by evidence and a person by hand. `detail` is the event's,
// less the reason.
[[nodiscard]] Result<void> apply_promotion(store::Database& database, Release& release,
                                           std::string_view reason, json::object detail, Time now);
[[nodiscard]] Result<void> apply_rollback(store::Database& database, Release& release,
                                          std::string_view reason, json::object detail, Time now);

[[nodiscard]] Result<void> add_event(store::Database& database, std::string_view release_id,
                                     std::string_view kind, Time at, const json::object& detail);
[[nodiscard]] Result<std::vector<ReleaseEvent>> query_events(store::Database& database,
                                                             std::string_view release_id);

// The salt under which an alias's held-back people are drawn: the same over its releases. Made from
// the store's secret, which this makes where there is none yet.
[[nodiscard]] Result<std::string> holdback_salt(store::Database& database, std::string_view alias);

}  // namespace hone::release
