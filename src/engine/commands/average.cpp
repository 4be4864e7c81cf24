#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/export/average.h"
#include "engine/model/lora_config.h"

namespace hone::engine {
namespace {

Result<void> print_average(const AverageOptions& options) {
  const auto report = average_adapters(options);
  if (!report) return fail(report.error());
  for (const std::string& note : report->notes) {
    std::fprintf(stderr, "average: note: %s\n", note.c_str());
  }
  std::cout << json::serialize(to_json(*report)) << std::endl;
  return {};
}

}  // namespace

void add_average(CLI::App& app, Run& chosen) {
  struct Arguments {
    AverageOptions options;
    int threads = 2;
  };
  auto arguments = std::make_shared<Arguments>();
  AverageOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "average",
      "Average adapters of one base: the weighted sum of the products B A, as an adapter");
  command->add_option("--adapter", options.adapters, "a PEFT folder; two or more")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option(
      "--weight", options.weights,
      "one for each adapter, in the same order, taken as it is (default: 1/n each)");
  command->add_option("--out", options.folder, "the adapter's folder to make")->required();
  command
      ->add_option("--rank", options.rank,
                   "compress the sum to this rank, by SVD (default: exact, the ranks add up)")
      ->check(CLI::Range(std::int64_t{1}, kMaxLoraRank));
  command->add_flag("--force", options.replace, "replace the folder if it exists");
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->footer(
      "Writes one JSON object: how it was done, the rank, and the relative error (Frobenius norm)\n"
      "of what --rank lost. Adapters whose A's are equal keep their rank and lose nothing.");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      return exit_code(print_average(arguments->options));
    };
  });
}

}  // namespace hone::engine
