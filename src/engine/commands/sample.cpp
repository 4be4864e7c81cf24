#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/train/rejection.h"

namespace hone::engine {
namespace {

struct Arguments {
  RejectionOptions options;
  int threads = 2;
};

int sample(const Arguments& arguments) {
  at::set_num_threads(arguments.threads);
  const auto summary = sample_best(arguments.options);
  if (!summary) return exit_code(fail(summary.error()));
  std::cout << json::serialize(*summary) << '\n';
  return 0;
}

void add_numbers(CLI::App& command, RejectionOptions& options) {
  command.add_option("--n", options.n, "answers to each prompt")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--temperature", options.temperature, "0: greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command.add_option("--top-p", options.top_p)->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command.add_option("--max-new-tokens", options.max_new_tokens, "of an answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command.add_option("--max-tokens", options.max_tokens, "of prompt and answer together")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command.add_option("--seed", options.seed)->capture_default_str();
  command.add_option("--min-reward", options.min_reward, "what the best answer must have");
}

}  // namespace

void add_sample(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<Arguments>();
  RejectionOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "sample", "Rejection sampling: write the best of n answers to each task as demonstrations");
  command->add_option("--model", options.model, "a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--adapter", options.adapter, "a PEFT folder")->check(CLI::ExistingDirectory);
  command->add_option("--tasks", options.tasks, "JSON lines {\"id\", \"prompt\", \"verifier\"?}")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--out", options.out, "gets the demonstrations, as JSON lines")->required();
  command->add_option("--all", options.all, "gets every answer with its reward, as JSON lines");
  command
      ->add_option("--reward", options.reward_model,
                   "a reward model's folder, with score.safetensors, which ranks the answers")
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--reward-base", options.reward_base,
                   "the model under a reward adapter; else the one that it names")
      ->check(CLI::ExistingDirectory);
  add_numbers(*command, options);
  command->add_option("--dtype", options.dtype, "fp32 or bf16")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->add_flag("--allow-unsandboxed", options.allow_unsandboxed,
                    "run code without a sandbox where this system permits none");
  command->footer("Prints what it counted; docs/formats/engine.md has the fields.");
  command->callback([arguments, &chosen] { chosen = [arguments] { return sample(*arguments); }; });
}

}  // namespace hone::engine
