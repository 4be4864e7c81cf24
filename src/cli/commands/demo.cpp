// hone demo: the loop, turned once before one's eyes (cli/demo/story.h).
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/file.h"
#include "cli/command.h"
#include "cli/demo/real.h"
#include "cli/demo/story.h"

namespace hone::cli {
namespace {

struct DemoOptions {
  std::string base;
  std::string json_file;
  std::int64_t seed = 1;
  std::int64_t holdback_percent = 0;
  std::string sabotage;
  std::string recipe;
  bool aa = false;
  bool once = false;
  bool small = false;
  bool real = false;
  std::string shared = "../shared/data";
};

// Waits for Ctrl-C while the dashboard is up.
void wait_for_interrupt() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  int signal = 0;
  sigwait(&set, &signal);
}

demo::StoryOptions story_options(const DemoOptions& options) {
  demo::StoryOptions story{.seed = options.seed,
                           .holdback = static_cast<double>(options.holdback_percent) / 100,
                           .sabotage = options.sabotage,
                           .aa = options.aa};
  if (!options.recipe.empty()) story.recipe = options.recipe;
  if (options.small) {
    story.per_person = 6;
    story.last_day_wanted = 30;
  }
  return story;
}

Result<void> write_report(const DemoOptions& options, const json::object& report) {
  if (options.json_file.empty()) return {};
  return write_file_atomically(posix_files(), options.json_file, json::serialize(report) + "\n");
}

Result<void> tell_of_real_people(const Invocation& call, const DemoOptions& options,
                                 const std::string& data) {
  demo::Screen screen;
  auto report = demo::tell_real(
      call,
      {.base_model = options.base, .data = data, .shared = options.shared, .seed = options.seed},
      screen);
  if (!report) return fail(report.error());
  return write_report(options, *report);
}

Result<void> tell(const Invocation& call, const DemoOptions& options, const std::string& data) {
  demo::Screen screen;
  screen.step("A house of people, a fresh data folder");
  auto house = demo::House::open(call, {.base_model = options.base,
                                        .data = data,
                                        .seed = options.seed,
                                        .people = options.small ? 24 : 40});
  if (!house) return fail(house.error());
  screen.say("data in " + data);
  demo::Story story(call, **house, screen, story_options(options));
  auto report = story.tell();
  if (!report) return fail(report.error());
  if (auto written = write_report(options, *report); !written) return written;
  if (!options.once) {
    remark("\nLook further: " + (*house)->url() + "  (Ctrl-C ends)");
    wait_for_interrupt();
  }
  (*house)->stop();
  return {};
}

Result<void> run_demo(const Invocation& call, const DemoOptions& options) {
  const auto story = options.real ? tell_of_real_people : tell;
  if (!call.data.empty()) return story(call, options, call.data);
  const auto folder =
      std::filesystem::temp_directory_path() / ("hone-demo-" + std::to_string(::getpid()));
  auto done = story(call, options, folder.string());
  std::error_code ignored;
  if (done) std::filesystem::remove_all(folder, ignored);
  return done;
}

}  // namespace

void add_demo(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<DemoOptions>();
  auto* command = app.add_subcommand("demo", "turns the whole loop on a real model (./dev demo)");
  command->add_option("--base", options->base, "base model, a Hugging Face folder")
      ->envname("HONE_BASE_MODEL")
      ->required();
  command->add_option("--seed", options->seed, "changes people and prompts");
  command->add_option("--json", options->json_file, "writes the report as JSON");

  command
      ->add_option("--holdback", options->holdback_percent,
                   "percent of people who stay on the original for good")
      ->check(CLI::Range(0, 30));
  command
      ->add_option("--sabotage", options->sabotage,
                   "data: shuffled answers; live: a model that people dislike")
      ->check(CLI::IsMember({"data", "live"}));
  command->add_flag("--aa", options->aa, "releases the original against itself");
  command->add_flag("--once", options->once, "ends after the report");
  command->add_flag("--small", options->small, "fewer people and tasks, for tests");
  command->add_flag("--real", options->real, "on people who exist: data sets in --shared");
  command->add_option("--shared", options->shared, "folder of the data sets")
      ->capture_default_str();
  command->add_option("--recipe", options->recipe, "TOML file");
  command->callback(
      [&call, options] { call.action = [&call, options] { return run_demo(call, *options); }; });
}

}  // namespace hone::cli
