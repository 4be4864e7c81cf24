// Brings what was recorded elsewhere into the same tables as live traffic, by the same path:
// redaction, conversation tree, outbox. A map (capture/import_map.h) says what a file's fields are.
// What is left out is counted by its reason, and a malformed record named by its line; the rest is
// kept. Ids are derived from the source's own keys or from the record, so that the same file twice
// is stored once.
//
//   auto map = load_import_map("cups-copilot");
//   auto report = import_file("events.jsonl.gz", *map, options, parts, sink);
//
// Files may be plain, gzip or zstd, and of any length: memory holds one record at a time, and what
// is remembered is bounded. Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "people/capture_policy.h"
#include "people/roster.h"
#include "privacy/redactor.h"
#include "store/records.h"

namespace hone::store {
class Database;
class Outbox;
}  // namespace hone::store

namespace hone::capture {

struct ImportMap;

struct ImportOptions {
  std::string source;      // names the import in ids and records; the map's name where empty
  std::string team;        // of its people; the source where empty
  std::string alias;       // as if this had been asked for
  bool trainable = false;  // whatever the map says, and whatever model gave the answers
  std::string join;        // the file to join with; where empty, the map's, beside the imported one
};

struct ImportReport {
  std::int64_t records = 0;  // lines, rows or objects, without a header and blank lines
  std::int64_t people = 0;
  std::int64_t interactions = 0;
  std::int64_t trainable = 0;                    // of the interactions
  std::int64_t tasks = 0;                        // of the interactions: those with a verifier
  std::map<std::string, std::int64_t> feedback;  // by kind
  // By reason, docs/formats/import.md: malformed, empty, unchanged, conflict, …
  std::map<std::string, std::int64_t> left_out;
  std::vector<std::string> errors;  // "line 17: pair.chosen is missing"; the first hundred
  // The file's damage, where it ends in one: what came before it is kept.
  std::optional<std::string> ended_early;
  std::optional<std::int64_t> added;  // interactions that the store had not yet, where known
};

[[nodiscard]] json::object to_json(const ImportReport& report);

// The interaction that the store has under a handle, in that session or in none ("": in any); ""
// where there is none.
using KnownInteraction =
    std::function<Result<std::string>(const store::Handle&, std::string_view session)>;

// Where records go. A failure of any ends the import.
struct ImportSink {
  std::function<Result<people::Person>(std::string_view name, std::string_view team)> person;
  std::function<Result<void>(const store::Interaction&)> interaction;
  std::function<Result<void>(const store::Feedback&)> feedback;
  // Where it is given, what was captured before is not added again.
  KnownInteraction known = {};
  std::function<void(const ImportReport&)> progress = {};  // now and then
  // A record as mapped and redacted; false: no more of them.
  std::function<bool(const json::object&)> show = {};
};

struct ImportParts {
  const privacy::Redactor& redactor;
  std::string tenant_key;
  Clock& clock;
  people::CapturePolicy capture_policy = {};
};

[[nodiscard]] Result<ImportReport> import_file(const std::string& path, const ImportMap& map,
                                               const ImportOptions& options,
                                               const ImportParts& parts, const ImportSink& sink);

// A sink for a look beforehand: nothing is kept.
[[nodiscard]] ImportSink dry_sink(people::Consents consents);

// A sink that makes people in the database and appends the rest to the outbox; both must outlive
// it. Consents of people it has to make: capture, and train as said.
[[nodiscard]] ImportSink outbox_sink(store::Outbox& outbox, people::Roster& roster,
                                     people::Consents consents);

// Asks the database, which must outlive it.
[[nodiscard]] KnownInteraction known_in(store::Database& database);

}  // namespace hone::capture
