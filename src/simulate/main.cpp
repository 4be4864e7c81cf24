// hone-simulate: a workforce that works through the gateway. This file only reads the command line.
#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "base/file.h"
#include "simulate/day.h"

namespace {

using namespace hone;
using namespace hone::simulate;

struct Options {
  std::uint64_t seed = 1;
  int count = 40;
  std::string gateway;
  std::string people_file;
  std::string taste = "house";
  std::string json_file;
  bool progress = false;
  DayPlan plan;
};

void print_line(const json::value& value) {
  std::cout << json::serialize(value) << std::endl;
}

Result<void> list_people(const Options& options) {
  print_line(to_json(make_people(options.seed, options.count)));
  return {};
}

Result<void> work_a_day(Options& options) {
  DayPlan& plan = options.plan;
  auto url = net::parse_url(options.gateway);
  if (!url) return fail(url.error().with("--gateway"));
  plan.gateway = *url;
  plan.seed = options.seed;
  plan.taste = options.taste == "house" ? Taste::kHouse : Taste::kReversed;
  auto text = read_file(posix_files(), options.people_file);
  if (!text) return fail(text.error().with("--people"));
  auto workers = read_workers(*text, plan.seed);
  if (!workers) return fail(workers.error().with(options.people_file));
  plan.workers = std::move(*workers);

  net::Runtime runtime(1);
  auto summary = run_day(runtime, plan, [&](std::uint64_t done, std::uint64_t total) {
    if (options.progress) print_line(json::object{{"done", done}, {"total", total}});
  });
  runtime.stop();
  if (!summary) return fail(summary.error());
  const json::object report = to_json(plan, *summary);
  print_line(report);
  if (options.json_file.empty()) return {};
  return write_file_atomically(posix_files(), options.json_file, json::serialize(report) + "\n");
}

void add_day(CLI::App& app, Options& options) {
  CLI::App* day = app.add_subcommand("day", "work a day through the gateway, with feedback");
  day->add_option("--gateway", options.gateway, "the gateway's address, http://host:port")
      ->required();
  day->add_option("--people", options.people_file, "JSON: [{\"name\", \"team\", \"key\"}]")
      ->required();
  day->add_option("--seed", options.seed, "people, tasks and chance follow from it");
  day->add_option("--day", options.plan.day, "from 1; no task of one day comes on another")
      ->check(CLI::PositiveNumber);
  day->add_option("--per-person", options.plan.tasks_per_person, "tasks for each")
      ->check(CLI::PositiveNumber);
  day->add_option("--concurrency", options.plan.concurrency, "calls in flight at most")
      ->check(CLI::Range(1, 1000));
  day->add_option("--taste", options.taste, "what people like: the house's convention, or not")
      ->check(CLI::IsMember({"house", "reversed"}));
  day->add_option("--json", options.json_file, "write the summary to this file too");
  day->add_flag("--progress", options.progress, "a line {\"done\", \"total\"} every second");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A simulated workforce that talks to the gateway like ordinary tools.",
               "hone-simulate");
  app.require_subcommand(1);
  CLI::App* people = app.add_subcommand("people", "print who works here, as JSON");
  people->add_option("--seed", options.seed, "another seed, other people");
  people->add_option("--count", options.count, "how many")->check(CLI::Range(1, 1000));
  add_day(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto done = people->parsed() ? list_people(options) : work_a_day(options);
  if (done) return 0;
  std::cerr << "hone-simulate: " << done.error().message << '\n';
  return 1;
}
