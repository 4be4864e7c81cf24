#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/verify/verify_lines.h"

namespace hone::engine {

void add_verify(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = app.add_subcommand(
      "verify", "Read JSON lines, {\"answer\", \"verifier\"}; write each answer's reward and why");
  command->add_flag("--allow-unsandboxed", options->allow_unsandboxed,
                    "run code without a sandbox where this system permits none");
  command->footer("docs/formats/engine.md has the verifiers and their fields.");
  command->callback([options, &chosen] {
    chosen = [options] { return exit_code(verify_lines(std::cin, std::cout, *options)); };
  });
}

}  // namespace hone::engine
