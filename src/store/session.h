// One sitting of a person with a tool, whole: every call, and the tree of messages under all of
// them, with its branches (a call tried again, a context compacted, a subagent). Any call or node
// leads to it. Calls belong together where the tool says so (a handle of the kind "session"); where
// it does not, where they grew from the same first message of the same person.
//
//   auto session = load_session(db, "int_…");
//   for (const SessionStep& step : session->steps) …      // parents before children
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "store/database.h"
#include "store/tree.h"

namespace hone::store {

struct SessionCall {
  std::string id;
  std::string tool;
  std::string model;
  std::string context_node;
  std::string output_node;
  std::string error;
  std::string retry_of;  // the attempt before it, "" for none
  std::int64_t status = 0;
  Time started_at{};
};

struct SessionStep {
  Step step;
  std::size_t branch = 0;              // how many forks lie above it, the trunk's not counted
  std::vector<std::size_t> calls_end;  // of `calls`: whose context ends here
};

struct Session {
  std::string person;
  std::vector<SessionCall> calls;  // in time
  std::vector<SessionStep> steps;  // depth first; of branches the one that was taken first
  bool cut = false;                // there are more calls than were loaded
};

// `name` is an interaction's id, one of its handles, or a node's hash. kNotFound where it names
// none.
[[nodiscard]] Result<Session> load_session(Database& db, std::string_view name,
                                           std::int64_t most_calls = 2'000);

// {"person", "calls", "messages", "cut"}: docs/formats/api.md.
[[nodiscard]] Result<json::object> to_json(const Session& session);

}  // namespace hone::store
