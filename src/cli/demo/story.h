// The demo's story: a day on the original model, a turn of the loop, a second day with canary and
// baseline side by side, a decision by evidence, a third day. Sabotages are the same story with one
// thing wrong.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/demo/house.h"
#include "cli/demo/report.h"
#include "cli/demo/screen.h"
#include "curate/recipe.h"
#include "loop/turn.h"

namespace hone::cli::demo {

struct StoryOptions {
  std::int64_t seed = 1;
  std::int64_t per_person = 8;         // tasks a day
  std::int64_t last_day_wanted = 105;  // interactions an arm on the last day, at least
  double holdback = 0;
  std::string sabotage;  // "", "data", "live"
  bool aa = false;
  std::string recipe = "recipes/house-style.toml";
};

class Story {
 public:
  Story(const Invocation& call, House& house, Screen& screen, StoryOptions options)
      : call_(call), house_(house), screen_(screen), options_(std::move(options)) {}

  // All of it; returns the report (docs/formats/demo.md).
  [[nodiscard]] Result<json::object> tell();

 private:
  [[nodiscard]] Result<void> work_a_day(std::int64_t per_person);
  [[nodiscard]] Result<void> turn_the_loop();
  [[nodiscard]] Result<void> start_aa();
  [[nodiscard]] Result<void> wait_until_served();
  [[nodiscard]] Result<void> see_decision();
  [[nodiscard]] Result<std::int64_t> tasks_for_last_day();
  [[nodiscard]] Result<curate::Recipe> recipe();
  [[nodiscard]] Result<json::object> report();
  void sum_up(const Tallies& tallies);

  const Invocation& call_;
  House& house_;
  Screen& screen_;
  StoryOptions options_;
  std::vector<DaySpan> days_;
  std::string original_;
  std::string candidate_;
  std::string release_;
  std::string decision_ = "undecided";
  std::string stopped_by_;
  std::optional<loop::Turn> turn_;
  double feedback_to_serving_seconds_ = 0;
};

}  // namespace hone::cli::demo
