#include <CLI/CLI.hpp>
#include <ctime>
#include <iostream>
#include <memory>

#include "base/clock.h"
#include "engine/commands/commands.h"
#include "engine/commands/render_lines.h"

namespace hone::engine {
namespace {

// As Python's datetime.now() has it, which templates ask for the day.
std::tm local_time() {
  SystemClock clock;
  const std::time_t seconds = to_millis(clock.now()) / 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return local;
}

}  // namespace

void add_render(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<RenderLinesOptions>();
  CLI::App* command = app.add_subcommand(
      "render", "Read JSON lines, {\"messages\", …}; write them as a model reads them: text, ids");
  command->add_option("--model", options->model, "a folder with tokenizer.json")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--template", options->template_file,
                   "a Jinja file to render with; else as training and serving do")
      ->check(CLI::ExistingFile);
  command->add_flag("--as-reference", options->as_reference,
                    "special-token text in messages becomes special tokens, as for Hugging Face's "
                    "apply_chat_template");
  command->footer("docs/formats/engine.md has the fields of the lines.");
  command->callback([options, &chosen] {
    chosen = [options] {
      options->now = local_time();
      return exit_code(render_lines(std::cin, std::cout, *options));
    };
  });
}

}  // namespace hone::engine
