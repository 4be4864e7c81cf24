// hone: gateway, store, API, dashboard and loop. This file only reads the command line.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/log.h"
#include "cli/command.h"

namespace {

std::string own_path(const char* argv0) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(argv0) : path.string();
}

}  // namespace

int main(int argc, char** argv) {
  hone::cli::Invocation call;
  call.program = own_path(argv[0]);
  call.command.assign(argv, argv + argc);
  CLI::App app("Hone turns an organisation's everyday work with AI into better models.", "hone");
  app.add_option("--config", call.config,
                 "settings file (default: ./hone.toml where there is one)");
  app.add_option("--data", call.data, "data folder (default: what the settings say, or ./data)");
  app.add_flag("--json", call.json, "machine-readable output");
  app.require_subcommand(1);
  app.fallthrough();
  hone::cli::add_serve(app, call);
  hone::cli::add_key(app, call);
  hone::cli::add_person(app, call);
  hone::cli::add_import(app, call);
  hone::cli::add_connect(app, call);
  hone::cli::add_redact(app, call);
  hone::cli::add_session(app, call);
  hone::cli::add_feedback(app, call);
  hone::cli::add_hook(app, call);
  hone::cli::add_git(app, call);
  hone::cli::add_verdict(app, call);
  hone::cli::add_dataset(app, call);
  hone::cli::add_model(app, call);
  hone::cli::add_train(app, call);
  hone::cli::add_evaluate(app, call);
  hone::cli::add_release(app, call);
  hone::cli::add_loop(app, call);
  hone::cli::add_demo(app, call);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 || hone::cli::is_hook(app) ? 0 : 2;
  }
  hone::start_log("hone");
  const auto done = call.action();
  if (done) return 0;
  std::cerr << "hone: " << done.error().message << '\n';
  return hone::cli::exit_status(done.error());
}
