#include <CLI/CLI.hpp>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/model/import.h"

namespace hone::engine {

void add_import(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command =
      app.add_subcommand("import", "Turn a GGUF file into a Hugging Face model folder");
  command->add_option("gguf", options->gguf_path, "the GGUF file")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("folder", options->folder, "the folder to make")->required();
  command
      ->add_option("--dtype", options->dtype,
                   "how to store weights: bf16 (half the size) or f32 (exact)")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->capture_default_str();
  command->add_flag("--force", options->replace, "replace the folder if it exists");
  command->callback(
      [options, &chosen] { chosen = [options] { return exit_code(import_gguf(*options)); }; });
}

}  // namespace hone::engine
