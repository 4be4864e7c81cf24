#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/export/export_gguf.h"

namespace hone::engine {
namespace {

struct Arguments {
  std::string model;
  std::vector<std::string> adapters;
  std::string to;
  std::string type;
  std::string out;
  int threads = 2;
};

Result<void> export_as(const Arguments& arguments) {
  static const std::map<std::string, GgufType> kTypes{{"f32", GgufType::kF32},
                                                      {"f16", GgufType::kF16},
                                                      {"bf16", GgufType::kBF16},
                                                      {"q8_0", GgufType::kQ8_0}};
  const bool alone = arguments.to == "gguf-lora";
  const std::string usual = alone ? "f32" : "f16";
  const GgufType type = kTypes.at(arguments.type.empty() ? usual : arguments.type);
  if (!alone) return export_gguf({arguments.model, arguments.adapters, arguments.out, type});
  if (arguments.adapters.size() != 1) {
    return fail(ErrorCode::kInvalid,
                "--to gguf-lora wants one --adapter; `hone-engine average` makes one of several");
  }
  return export_gguf_adapter({arguments.model, arguments.adapters.front(), arguments.out, type});
}

}  // namespace

void add_export(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("export", "Write a model or an adapter as a GGUF file, for llama.cpp");
  command->add_option("--model", arguments->model, "the model, a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option(
          "--adapter", arguments->adapters,
          "a PEFT folder trained on that model: merged into it with --to gguf (several add "
          "up), the one that is written with --to gguf-lora")
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--to", arguments->to,
                   "gguf: the whole model; gguf-lora: the adapter alone, for --lora")
      ->required()
      ->check(CLI::IsMember({"gguf", "gguf-lora"}));
  command
      ->add_option("--type", arguments->type,
                   "of matrices: f16, bf16, f32 or q8_0 (default: f16, of adapters f32)")
      ->check(CLI::IsMember({"f16", "bf16", "f32", "q8_0"}));
  command->add_option("--out", arguments->out, "the .gguf file; one that exists is replaced")
      ->required();
  command->add_option("--threads", arguments->threads)->check(CLI::Range(1, 1024));
  command->footer(
      "For vLLM and transformers no export is needed: training writes PEFT adapters, and\n"
      "`hone-engine merge` whole models. docs/formats/export.md says which for which server.");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      at::set_num_threads(arguments->threads);
      return exit_code(export_as(*arguments));
    };
  });
}

}  // namespace hone::engine
