#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/export/merge.h"

namespace hone::engine {

void add_merge(CLI::App& app, Run& chosen) {
  struct Arguments {
    MergeOptions options;
    int threads = 2;
    double max_file_gb = 5;
  };
  auto arguments = std::make_shared<Arguments>();
  MergeOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "merge", "Merge adapters into a model: a folder that transformers and vLLM load");
  command->add_option("--model", options.model, "the model, a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--adapter", options.adapters,
                   "a PEFT folder trained on that model; given several times, their changes add up")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--out", options.folder, "the folder to make")->required();
  command
      ->add_option("--dtype", options.dtype, "bf16, fp16 or fp32 (default: as the model is stored)")
      ->check(CLI::IsMember({"bf16", "fp16", "fp32"}));
  command
      ->add_option("--max-file-gb", arguments->max_file_gb,
                   "weights beyond it are split into several files, with an index")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  command->add_flag("--force", options.replace, "replace the folder if it exists");
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->footer(
      "W + s B A is computed in fp32 and rounded once. Several adapters are summed before the\n"
      "rounding, in any order: each must have been trained on --model itself. One that was "
      "trained\n"
      "on a model already merged (a second stage) belongs on that: merge twice, into fp32 "
      "between,\n"
      "or into the type that the second stage began from. docs/formats/export.md says more.");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      arguments->options.max_file_bytes = static_cast<std::uint64_t>(arguments->max_file_gb * 1e9);
      return exit_code(merge_model(arguments->options));
    };
  });
}

}  // namespace hone::engine
