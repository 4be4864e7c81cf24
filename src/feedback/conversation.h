// The conversation tree as mining reads it: interactions with the places where they stand, and the
// last steps of a path. Used inside this folder only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "store/database.h"

namespace hone::feedback {

// An interaction with content. Nodes are the database's own numbers.
struct Turn {
  std::string id;
  std::string person;
  std::string tool;
  std::string retry_of;
  Time started{};
  Time ended{};
  bool answered = false;  // well, and to its end
  std::int64_t context = 0;
  std::optional<std::int64_t> output;
};

// A step of a path, its message not loaded.
struct Place {
  std::int64_t node = 0;
  std::optional<std::int64_t> parent;
  std::string hash;
  std::string role;
};

// nullopt where it is not there or has no content.
[[nodiscard]] Result<std::optional<Turn>> find_turn(store::Database& db, std::string_view id);

// Whose answer ends at `output`, below `context`; or, with no output, whose context is that. Of
// that person, begun before `before`, latest first, at most 8.
[[nodiscard]] Result<std::vector<Turn>> turns_at(store::Database& db, std::int64_t context,
                                                 std::optional<std::int64_t> output,
                                                 std::string_view person, Time before);
// Who made the tool call, likewise.
[[nodiscard]] Result<std::vector<Turn>> turns_of_call(store::Database& db, std::string_view call,
                                                      std::string_view person, Time before);
// Those of a person between two times, latest first, at most 32.
[[nodiscard]] Result<std::vector<Turn>> turns_between(store::Database& db, std::string_view person,
                                                      Time from, Time before);
// Those of a person whose context lies below `node`, nearest first, at most 8, that are not due to
// be mined themselves.
[[nodiscard]] Result<std::vector<Turn>> turns_below(store::Database& db, std::int64_t node,
                                                    std::string_view person);
[[nodiscard]] Result<bool> has_children(store::Database& db, std::int64_t node);

// The last steps of the path to `node`, from it up; fewer where it begins, or is incomplete.
[[nodiscard]] Result<std::vector<Place>> path_up(store::Database& db, std::int64_t node,
                                                 int steps = 48);

// The messages of nodes, in the order of `nodes`. kNotFound where one is not stored.
[[nodiscard]] Result<std::vector<json::object>> messages_of(store::Database& db,
                                                            const std::vector<std::int64_t>& nodes);
// Whether an error is of one conversation, and not of the database as a whole.
[[nodiscard]] bool is_of_one_conversation(const Error& error);

// The names that the tool gave the session of an interaction; none where it gives none.
[[nodiscard]] Result<std::vector<std::string>> sessions_of(store::Database& db,
                                                           std::string_view interaction);

}  // namespace hone::feedback
