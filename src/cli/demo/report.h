// What the demo shows at the end, computed from the store alone: docs/formats/database.md has the
// SQL that computes every count again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "store/database.h"

namespace hone::cli::demo {

struct DaySpan {
  std::int64_t day = 0;
  Time from{};
  Time to{};
};

// What people made of one group of answers; the interval is 95%, clustered by person.
struct Tally {
  std::int64_t interactions = 0;
  std::int64_t people = 0;
  std::int64_t accepted = 0;
  std::int64_t modified = 0;
  std::int64_t rejected = 0;
  double rate = 0;
  double low = 0;
  double high = 1;
  double edit_distance = 0;  // mean over accepted (0) and modified answers
};

// An arm here is who answered: "baseline" (the original model), "released" (the new one),
// "holdback" (the original, for people who stay on it for good).
struct Group {
  std::string domain;
  std::int64_t day = 0;
  std::string arm;
  Tally tally;
};

struct Tallies {
  std::vector<Group> groups;            // by domain, day, arm
  std::map<std::string, Tally> pooled;  // by arm, the last day, all domains
};

[[nodiscard]] Result<Tallies> tally(store::Database& database, const std::vector<DaySpan>& days,
                                    const std::string& original, const std::string& candidate);

// released model -> run -> recipe -> dataset -> one example -> interaction; null where nothing was
// trained.
[[nodiscard]] Result<json::value> lineage(store::Database& database, const std::string& candidate);

[[nodiscard]] json::object to_json(const Tally& tally);

}  // namespace hone::cli::demo
