#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/golden/check.h"

namespace hone::engine {

void add_check_golden(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<golden::CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check-golden", "Hold the engine against a folder of the reference's numbers");
  command->add_option("dir", options->place.folder, "the folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--only", options->only, "a group; may be repeated (default: all)")
      ->allow_extra_args(false)  // the folder may stand behind it
      ->check(CLI::IsMember(golden::group_names()));
  command
      ->add_option("--gguf", options->place.gguf,
                   "the GGUF file of smollm2/ (default: HONE_BASE_GGUF)")
      ->check(CLI::ExistingFile);
  command->add_option("--threads", options->place.threads)
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object a group");
  command->add_flag("--all", options->all, "every failure, not the first 20 of a group");
  command->footer("Exit code 1: a case failed, or there was none.");
  command->callback([options, &chosen] {
    chosen = [options] {
      const char* gguf = std::getenv("HONE_BASE_GGUF");
      if (options->place.gguf.empty() && gguf != nullptr) options->place.gguf = gguf;
      at::set_num_threads(options->place.threads);
      return golden::check_golden(*options, std::cout) ? 0 : 1;
    };
  });
}

}  // namespace hone::engine
