#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/train/score.h"

namespace hone::engine {

void add_score(CLI::App& app, Run& chosen) {
  struct Arguments {
    ScoreOptions options;
    int threads = 2;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "score", "Read JSON lines, {\"ids\"} or {\"messages\"}; write their log-probabilities");
  command->add_option("--model", arguments->options.model, "a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--adapter", arguments->options.adapter, "a PEFT folder")
      ->check(CLI::ExistingDirectory);
  command->add_option("--dtype", arguments->options.dtype, "fp32 or bf16")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  command
      ->add_option("--topk", arguments->options.topk,
                   "also the N likeliest tokens in each place, with their log-probabilities")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--reward", arguments->options.reward,
                    "of a reward model: write each answer's reward instead");
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      return exit_code(score_lines(std::cin, std::cout, arguments->options));
    };
  });
}

}  // namespace hone::engine
