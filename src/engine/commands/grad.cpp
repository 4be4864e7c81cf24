#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/train/gradient.h"

namespace hone::engine {
namespace {

Result<void> print_gradient(const GradientOptions& options) {
  auto report = write_gradient(std::cin, options);
  if (!report) return fail(report.error());
  std::cout << json::serialize(*report) << std::endl;
  return {};
}

}  // namespace

void add_grad(CLI::App& app, Run& chosen) {
  struct Arguments {
    GradientOptions options;
    int threads = 2;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "grad",
      "Read JSON lines, {\"ids\"} or {\"messages\"}; write the gradient of their mean loss");
  command->add_option("--model", arguments->options.model, "a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--adapter", arguments->options.adapter,
                   "a PEFT folder; the gradient is then its own")
      ->check(CLI::ExistingDirectory);
  command->add_option("--out", arguments->options.out, "the safetensors file to write")->required();
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      return exit_code(print_gradient(arguments->options));
    };
  });
}

}  // namespace hone::engine
