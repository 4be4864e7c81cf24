// One day's work: every person does so many tasks one after another, all persons side by side.
// Blocks the calling thread until the day is over.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/runtime.h"
#include "net/url.h"
#include "simulate/talk.h"
#include "simulate/work/task.h"

namespace hone::simulate {

struct DayPlan {
  net::Url gateway;
  std::vector<Worker> workers;
  std::uint64_t seed = 1;
  std::uint64_t day = 1;  // from 1
  std::uint64_t tasks_per_person = 10;
  std::uint64_t concurrency = 16;  // calls in flight at most
  Taste taste = Taste::kHouse;
};

struct DomainSummary {
  std::string_view name;
  std::int64_t accepted = 0;
  std::int64_t modified = 0;
  std::int64_t rejected = 0;
  std::int64_t fitting = 0;  // answers that fit the taste, whatever the person made of them
};

struct DaySummary {
  std::vector<DomainSummary> domains;
  std::int64_t interactions = 0;  // answered, and their feedback acknowledged
  std::int64_t errors = 0;
  std::string first_error;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  double seconds = 0;
};

using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// `progress` is called about once a second, and at the end, on the calling thread. kUnavailable
// where the gateway fails many times in a row; kInvalid where the plan asks for more tasks than
// there are.
[[nodiscard]] Result<DaySummary> run_day(net::Runtime& runtime, const DayPlan& plan,
                                         const Progress& progress);

[[nodiscard]] json::object to_json(const DayPlan& plan, const DaySummary& summary);

}  // namespace hone::simulate
