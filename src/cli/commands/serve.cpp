// hone serve: gateway, store, API and dashboard in one process, with hone-engine beside it.
#include <csignal>
#include <filesystem>
#include <iostream>
#include <utility>

#include "cli/command.h"
#include "cli/service.h"

namespace hone::cli {
namespace {

struct ServeOptions {
  std::string listen;
  std::string auth;
  std::string model;
};

bool has_file(const Invocation& call) {
  std::error_code ignored;
  return std::filesystem::exists(call.config.empty() ? "hone.toml" : call.config, ignored);
}

Result<Settings> read_settings(const Invocation& call, const ServeOptions& options) {
  auto settings = call.settings();
  if (!settings) return settings;
  if (!options.listen.empty()) settings->listen = options.listen;
  if (!options.auth.empty()) settings->auth = options.auth;
  if (!options.model.empty()) settings->engine.model = options.model;
  return settings;
}

Result<void> serve(const Invocation& call, const ServeOptions& options) {
  std::signal(SIGUSR2, SIG_IGN);  // too early to give way; by default it would end us
  auto inheritance = Inheritance::take();
  if (!inheritance) return fail(inheritance.error());
  const auto settings = read_settings(call, options);
  if (!settings) return fail(settings.error());
  const bool had_file = has_file(call);
  auto read_again = [&call, &options, had_file]() -> Result<Settings> {
    // A server that loses its settings must not take that for a wish to have none.
    if (had_file && !has_file(call)) return fail(ErrorCode::kNotFound, "hone.toml is gone");
    return read_settings(call, options);
  };
  auto service = Service::start(call, *settings, std::move(read_again), std::move(*inheritance));
  if (!service) return fail(service.error());
  remark("Hone serves on " + (*service)->url() + " (dashboard, /v1/…, /api/v1/…); Ctrl-C ends it");
  return (*service)->run();  // SIGHUP: new settings; SIGUSR2: a new process takes its place
}

}  // namespace

void add_serve(CLI::App& app, Invocation& call) {
  auto options = std::make_shared<ServeOptions>();
  auto* command = app.add_subcommand("serve", "the gateway, the store, the API and the dashboard");
  command->add_option("--listen", options->listen, "address (default 127.0.0.1:8700)");
  command->add_option("--auth", options->auth, "keys, or open: no key needed, loopback only")
      ->check(CLI::IsMember({"keys", "open"}));
  command->add_option("--model", options->model, "Hugging Face folder for hone-engine to serve");
  command->callback(
      [&call, options] { call.action = [&call, options] { return serve(call, *options); }; });
}

}  // namespace hone::cli
