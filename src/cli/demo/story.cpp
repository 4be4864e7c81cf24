#include "cli/demo/story.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/file.h"
#include "cli/demo/sabotage.h"
#include "cli/policy.h"
#include "cli/shop.h"
#include "net/client.h"
#include "people/roster.h"
#include "release/registry.h"
#include "release/releases.h"
#include "release/routes.h"

namespace hone::cli::demo {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAlias = "assistant";
constexpr std::int64_t kMostTasksADay = 24;
// The recipe's shares: from 0.5 to 0.7, the rest stays on the original.
constexpr double kLargestShare = 0.7;
constexpr double kGrowth = 0.2;

// Puts `value` in the place of a key's in one section of a recipe's text.
std::string with_value(std::string text, const std::string& section, const std::string& key,
                       const std::string& value) {
  const auto begin = text.find("[" + section + "]");
  if (begin == std::string::npos)
    return text + "\n[" + section + "]\n" + key + " = " + value + "\n";
  const auto end = std::min(text.find("\n[", begin), text.size());
  const auto line = text.find("\n" + key + " =", begin);
  if (line == std::string::npos || line >= end) {
    return text.insert(text.find('\n', begin) + 1, key + " = " + value + "\n");
  }
  const auto from = text.find('=', line) + 1;
  const auto to = std::min(text.find_first_of("#\n", from), text.size());
  return text.replace(from, to - from, " " + value + "  ");
}

}  // namespace

Result<curate::Recipe> Story::recipe() {
  auto text = read_file(posix_files(), options_.recipe);
  if (!text) return fail(text.error());
  std::string ours = with_value(*text, "dataset", "seed", std::to_string(options_.seed));
  ours = with_value(ours, "train", "seed", std::to_string(options_.seed));
  if (options_.holdback > 0) {  // the new model's shares give way; who is in reserve stays there
    const double largest = kLargestShare - options_.holdback;
    ours = with_value(ours, "release", "holdback", std::to_string(options_.holdback));
    ours = with_value(ours, "release", "first_share", std::to_string(largest - kGrowth));
    ours = with_value(ours, "release", "shares", "[" + std::to_string(largest) + "]");
  }
  const std::string path = house_.workspace().folder("recipe.toml");
  if (auto written = write_file_atomically(posix_files(), path, ours); !written) {
    return fail(written.error());
  }
  return curate::load_recipe(path);
}

Result<json::object> Story::tell() {
  screen_.step("hone serve, with hone-engine behind it");
  if (auto started = house_.start(); !started) return fail(started.error());
  screen_.say("gateway and dashboard on " + house_.url());
  auto alias = release::find_alias(house_.workspace().database(), kAlias);
  if (!alias) return fail(alias.error());
  original_ = candidate_ = alias->model;

  screen_.step("The first day, on the original model");
  if (auto done = work_a_day(options_.per_person); !done) return fail(done.error());

  if (options_.aa) {
    screen_.step("An A/A release: the original against itself");
    if (auto done = start_aa(); !done) return fail(done.error());
  } else {
    screen_.step("The loop turns");
    if (auto done = turn_the_loop(); !done) return fail(done.error());
  }

  if (!release_.empty()) {
    screen_.step("The second day, canary and baseline side by side");
    if (auto done = work_a_day(options_.per_person); !done) return fail(done.error());
    if (auto done = see_decision(); !done) return fail(done.error());
  }

  screen_.step("The last day");
  auto tasks = tasks_for_last_day();
  if (!tasks) return fail(tasks.error());
  if (auto done = work_a_day(*tasks); !done) return fail(done.error());
  if (auto done = see_decision(); !done) return fail(done.error());
  screen_.finish();
  return report();
}

Result<void> Story::work_a_day(std::int64_t per_person) {
  auto& workspace = house_.workspace();
  DaySpan day{.day = static_cast<std::int64_t>(days_.size()) + 1,
              .from = workspace.clock().now(),
              .to = Time::max()};
  if (!release_.empty()) {
    auto release = release::find_release(workspace.database(), release_);
    if (!release) return fail(release.error());
    if (release->running()) {
      auto period = release::start_period(workspace.database(), release_,
                                          "day " + std::to_string(day.day), day.from);
      if (!period) return period;
    }
  }
  const bool changed_their_minds = options_.sabotage == "live" && day.day > 1;
  auto worked = house_.work(
      {.day = day.day,
       .per_person = per_person,
       .taste = changed_their_minds ? "reversed" : "house"},
      [this](std::int64_t done, std::int64_t total) {
        screen_.progress(std::to_string(done) + " of " + std::to_string(total) + " tasks");
      });
  if (!worked) return fail(worked.error());
  if (auto settled = house_.settle(); !settled) return settled;
  day.to = workspace.clock().now() + 1ms;
  days_.push_back(day);
  auto tallies = tally(workspace.database(), {day}, original_, candidate_);
  if (!tallies) return fail(tallies.error());
  show_groups(screen_, tallies->groups);
  return {};
}

Result<void> Story::turn_the_loop() {
  auto& workspace = house_.workspace();
  auto policy = load_policy(workspace.settings());
  if (!policy) return fail(policy.error());
  auto shop = make_shop(call_, workspace, *policy);
  if (!shop) return fail(shop.error());
  if (options_.sabotage == "data") {
    screen_.say("sabotage: the answers are shuffled among the prompts before training");
    shop->before_training = [this](const std::string& folder) {
      return shuffle_answers(folder + "/train.jsonl", static_cast<std::uint64_t>(options_.seed));
    };
  }
  auto recipe = this->recipe();
  if (!recipe) return fail(recipe.error());
  const auto turned = loop::turn(*shop, *recipe, [this](const loop::Step& step) {
    if (step.progress) {
      screen_.progress("train: step " + std::to_string(step.progress->step) + " of " +
                       std::to_string(step.progress->steps) + ", loss " +
                       std::to_string(step.progress->loss).substr(0, 5));
    } else if (step.name == "gate") {
      screen_.progress("gate: " + step.message);
    } else {
      screen_.say(step.name + ": " + step.message);
    }
  });
  if (!turned) return fail(turned.error());
  turn_ = *turned;
  candidate_ = turned->candidate;
  auto run = curate::find_run(workspace.database(), turned->run);
  if (!run) return fail(run.error());
  if (auto steps = curate::read_progress(run->folder)) show_loss(screen_, *steps);
  show_checks(screen_, turned->gate);
  if (turned->stopped_by == "gate") {
    screen_.say("The gate stops this model; the original goes on serving.");
    stopped_by_ = "gate";
    return {};
  }
  release_ = turned->release;
  return wait_until_served();
}

Result<void> Story::start_aa() {
  auto& workspace = house_.workspace();
  auto recipe = this->recipe();
  if (!recipe) return fail(recipe.error());
  auto release =
      release::start_release(workspace.database(), workspace.ids(),
                             {.alias = kAlias, .candidate = original_, .recipe = recipe->release},
                             workspace.clock().now());
  if (!release) return fail(release.error());
  release_ = release->id;
  return wait_until_served();
}

// From the last feedback of the first day until the server has a route to the new model.
Result<void> Story::wait_until_served() {
  auto& workspace = house_.workspace();
  auto url = net::parse_url(house_.url() + "/metrics");
  if (!url) return fail(url.error());
  for (int i = 0; i < 600; ++i) {
    auto response = net::fetch_blocking({.url = *url}, 5s);
    if (response && response->body.find(release_) != std::string::npos) {
      auto last = workspace.database().query("SELECT MAX(received_at) AS at FROM feedback");
      if (!last) return fail(last.error());
      const auto passed = workspace.clock().now() - last->front().time("at");
      feedback_to_serving_seconds_ = std::chrono::duration<double>(passed).count();
      screen_.say("canary " + release_ + " serves");
      return {};
    }
    std::this_thread::sleep_for(100ms);
  }
  return fail(ErrorCode::kTimeout, "the server did not take the release over within 60 s");
}

Result<void> Story::see_decision() {
  if (release_.empty()) return {};
  auto& database = house_.workspace().database();
  auto look = release::look(database, release_, house_.workspace().clock().now());
  if (!look) return fail(look.error());
  auto release = release::find_release(database, release_);
  if (!release) return fail(release.error());
  if (release->state == "promoted") decision_ = "promoted";
  if (release->state == "rolled_back") {
    decision_ = "rolled_back";
    stopped_by_ = "canary";
  }
  screen_.say("release: " + release->state +
              (release->reason.empty() ? "" : " (" + release->reason + ")"));
  return {};
}

// Enough for both arms to have their interactions on the last day, whoever the hash put where.
Result<std::int64_t> Story::tasks_for_last_day() {
  release::Routes routes;
  if (auto loaded = routes.reload(house_.workspace().database()); !loaded) {
    return fail(loaded.error());
  }
  people::Roster roster(house_.workspace().database(), house_.workspace().clock(),
                        house_.workspace().ids());
  auto persons = roster.persons();
  if (!persons) return fail(persons.error());
  std::map<std::string, std::int64_t> people_of;
  for (const auto& person : *persons) {
    auto routed = routes.route(kAlias, person.id);
    if (!routed) return fail(routed.error());
    if (routed->arm != "holdback") ++people_of[routed->model];
  }
  std::int64_t fewest = static_cast<std::int64_t>(persons->size());
  for (const auto& [model, people] : people_of) fewest = std::min(fewest, people);
  const std::int64_t needed =
      (options_.last_day_wanted + fewest - 1) / std::max<std::int64_t>(fewest, 1);
  return std::clamp(needed, options_.per_person, kMostTasksADay);
}

Result<json::object> Story::report() {
  auto& database = house_.workspace().database();
  auto tallies = tally(database, days_, original_, candidate_);
  if (!tallies) return fail(tallies.error());
  auto alias = release::find_alias(database, kAlias);
  if (!alias) return fail(alias.error());
  if (options_.aa && decision_ != "promoted") stopped_by_ = "canary";
  sum_up(*tallies);

  json::object report{{"seed", options_.seed},   {"decision", decision_},   {"original", original_},
                      {"candidate", candidate_}, {"serving", alias->model}, {"release", release_}};
  report["stopped_by"] =
      stopped_by_.empty() ? json::value(nullptr) : json::value(json::string(stopped_by_));
  json::object pooled;
  for (const auto& [arm, tally] : tallies->pooled) pooled[arm] = to_json(tally);
  report["pooled"] = std::move(pooled);
  json::array domains;
  for (const auto& group : tallies->groups) {
    if (domains.empty() || domains.back().at("name") != json::string(group.domain)) {
      domains.push_back(json::object{{"name", group.domain}, {"days", json::array()}});
    }
    auto item = to_json(group.tally);
    item["day"] = group.day;
    item["arm"] = group.arm;
    domains.back().at("days").as_array().push_back(std::move(item));
  }
  report["domains"] = std::move(domains);
  json::array days;
  for (const auto& day : days_) {
    days.push_back(
        json::object{{"day", day.day}, {"from", to_millis(day.from)}, {"to", to_millis(day.to)}});
  }
  report["days"] = std::move(days);
  report["feedback_to_serving_seconds"] = feedback_to_serving_seconds_;
  if (turn_) {
    json::object left_out;
    for (const auto& [reason, count] : turn_->dataset.left_out) left_out[reason] = count;
    report["dataset"] = json::object{{"digest", turn_->dataset.digest},
                                     {"examples", turn_->dataset.examples},
                                     {"left_out", std::move(left_out)}};
    json::array loss;
    auto run = curate::find_run(database, turn_->run);
    if (!run) return fail(run.error());
    if (auto steps = curate::read_progress(run->folder)) {
      for (const auto& step : *steps) loss.push_back(step.loss);
    }
    report["training"] = json::object{{"seconds", turn_->training.seconds},
                                      {"tokens", turn_->training.tokens},
                                      {"loss", std::move(loss)}};
    report["gate"] = evaluate::to_json(turn_->gate);
    auto line = lineage(database, candidate_);
    if (!line) return fail(line.error());
    report["lineage"] = std::move(*line);
  }
  return report;
}

void Story::sum_up(const Tallies& tallies) {
  screen_.step("What happened");
  show_groups(screen_, tallies.groups);
  screen_.say("");
  screen_.say("The last day, all work together:");
  for (const auto& [arm, tally] : tallies.pooled) {
    screen_.say((arm + "          ").substr(0, 10) + line_of(tally));
  }
  const auto baseline = tallies.pooled.find("baseline");
  const auto released = tallies.pooled.find("released");
  if (baseline != tallies.pooled.end() && released != tallies.pooled.end() && !options_.aa) {
    const bool better = released->second.low > baseline->second.high;
    const bool worse = released->second.high < baseline->second.low;
    screen_.say(better  ? "The new model is accepted more often than the original, intervals apart."
                : worse ? "The new model is accepted less often than the original, intervals apart."
                        : "The intervals touch: this does not show a difference.");
  }
  screen_.say("decision: " + decision_ +
              (stopped_by_.empty() ? "" : ", stopped by the " + stopped_by_));
  if (feedback_to_serving_seconds_ > 0 && !options_.aa) {
    screen_.say("from the last feedback to the new model serving: " +
                std::to_string(static_cast<int>(std::round(feedback_to_serving_seconds_))) + " s");
  }
  screen_.finish();
}

}  // namespace hone::cli::demo
