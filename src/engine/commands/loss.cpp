#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/train/batch/loss_report.h"

namespace hone::engine {
namespace {

Result<void> print_loss(const LossOptions& options) {
  auto report = loss_report(options);
  if (!report) return fail(report.error());
  std::cout << json::serialize(*report) << std::endl;
  return {};
}

}  // namespace

void add_loss(CLI::App& app, Run& chosen) {
  struct Arguments {
    LossOptions options;
    int threads = 2;
  };
  auto arguments = std::make_shared<Arguments>();
  LossOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "loss", "A training method's loss of one batch of tensors, its metrics and gradients");
  command->add_option("--method", options.method, "sft, dpo, kto, orpo, simpo, reward or grpo")
      ->required();
  command->add_option("--config", options.config, "the method's fields, as JSON or a file of it")
      ->capture_default_str();
  command->add_option("--policy", options.policy, "the model, a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--reference", options.reference,
                   "the model it is compared with (default: the policy without its adapter)")
      ->check(CLI::ExistingDirectory);
  command->add_option("--adapter", options.adapter, "a PEFT folder on the policy")
      ->check(CLI::ExistingDirectory);
  command->add_option("--batch", options.batch, "the batch's tensors, a safetensors file")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--grads", options.grads, "the safetensors file to write gradients to");
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->footer("docs/formats/engine.md lists each method's fields and tensors.");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      return exit_code(print_loss(arguments->options));
    };
  });
}

}  // namespace hone::engine
