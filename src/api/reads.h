// What the dashboard and scripts may read: docs/formats/api.md. Each read is a function from a
// query to JSON over the database; it blocks, so it runs on the work pool. An employee sees what is
// theirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/caller.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "net/http.h"
#include "store/database.h"
#include "store/tree.h"

namespace hone::api {

class DatasetCards;

struct Query {
  store::Database& database;
  const net::Request& request;
  const people::Caller& caller;
  std::string name;  // what stands in the place of {name} in the address
  Time now{};
  DatasetCards* cards = nullptr;  // null: none are made here

  // "" for those who see everyone, else the only person whose interactions may be shown.
  [[nodiscard]] std::string only_person() const;
  // A parameter as a number within bounds; kInvalid names it.
  [[nodiscard]] Result<std::int64_t> number(std::string_view parameter, std::int64_t otherwise,
                                            std::int64_t low, std::int64_t high) const;
  // A parameter as a time; kInvalid names it.
  [[nodiscard]] Result<Time> time(std::string_view parameter, Time otherwise) const;
};

// The read that `path` names; kNotFound lists what there is.
[[nodiscard]] Result<json::value> read(store::Database& database, const net::Request& request,
                                       const people::Caller& caller, Time now,
                                       DatasetCards* cards = nullptr);

// The messages of a path, in its order.
[[nodiscard]] Result<json::array> messages_of(const Result<std::vector<store::Block>>& blocks);
// The datasets that have an example of the interaction that the query names, newest first.
[[nodiscard]] Result<json::array> datasets_with(const Query& query);

[[nodiscard]] Result<json::value> read_me(const Query& query);
[[nodiscard]] Result<json::value> read_acceptance(const Query& query);
[[nodiscard]] Result<json::value> read_timeline(const Query& query);
[[nodiscard]] Result<json::value> read_interactions(const Query& query);
[[nodiscard]] Result<json::value> read_interaction(const Query& query);
[[nodiscard]] Result<json::value> read_review(const Query& query);
[[nodiscard]] Result<json::value> read_comparisons(const Query& query);
[[nodiscard]] Result<json::value> read_session(const Query& query);
[[nodiscard]] Result<json::value> read_datasets(const Query& query);
[[nodiscard]] Result<json::value> read_dataset(const Query& query);
[[nodiscard]] Result<json::value> read_runs(const Query& query);
[[nodiscard]] Result<json::value> read_run(const Query& query);
[[nodiscard]] Result<json::value> read_models(const Query& query);
[[nodiscard]] Result<json::value> read_releases(const Query& query);
[[nodiscard]] Result<json::value> read_release(const Query& query);

}  // namespace hone::api
