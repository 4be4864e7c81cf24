#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/model/tokenizer_lines.h"

namespace hone::engine {

void add_tokenize(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "Read JSON lines, {\"text\"} or, to decode, {\"ids\"}; write the other");
  command->add_option("--model", options->model, "a Hugging Face folder, or a tokenizer.json")
      ->required()
      ->check(CLI::ExistingPath);
  CLI::Option* special = command->add_flag(
      "--special", options->special, "parse special tokens (without it their text is plain text)");
  CLI::Option* decode = command->add_flag("--decode", options->decode, "from ids to text");
  command->add_flag("--skip-special", options->skip_special, "leave special tokens out of the text")
      ->needs(decode);
  special->excludes(decode);
  command->callback([options, &chosen] {
    chosen = [options] { return exit_code(tokenize_lines(std::cin, std::cout, *options)); };
  });
}

}  // namespace hone::engine
