#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>

#include "engine/commands/commands.h"
#include "engine/serve/server.h"

namespace hone::engine {
namespace {

struct Options {
  ServeOptions serve;
  std::string listen = "127.0.0.1:8701";
  std::vector<std::string> adapters;  // NAME=FOLDER
  int parent_pid = 0;
};

Result<void> read_listen(Options& options) {
  const auto colon = options.listen.rfind(':');
  int port = -1;
  if (colon != std::string::npos && options.listen.size() - colon <= 6) {
    const std::string digits = options.listen.substr(colon + 1);
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos) {
      port = std::stoi(digits);
    }
  }
  if (port < 0 || port > 65535) {
    return fail(ErrorCode::kInvalid, "--listen must be ADDRESS:PORT, not '" + options.listen + "'");
  }
  options.serve.address = options.listen.substr(0, colon);
  options.serve.port = static_cast<std::uint16_t>(port);
  return {};
}

Result<void> read_adapters(Options& options) {
  for (const std::string& text : options.adapters) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalid, "--adapter must be NAME=FOLDER, not '" + text + "'");
    }
    options.serve.adapters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return {};
}

// Blocks until SIGTERM or SIGINT, which must be blocked in every thread, or the parent is gone.
void wait_for_the_end(const sigset_t& signals, int parent_pid) {
  const timespec second{.tv_sec = 1, .tv_nsec = 0};
  while (sigtimedwait(&signals, nullptr, &second) < 0) {
    if (parent_pid > 0 && ::getppid() != parent_pid) return;
  }
}

Result<void> serve(Options options) {
  if (auto done = read_listen(options); !done) return done;
  if (auto done = read_adapters(options); !done) return done;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all have it
  ::signal(SIGPIPE, SIG_IGN);
  auto server = InferenceServer::start(options.serve);
  if (!server) return fail(server.error());
  std::printf("listening on http://%s:%u\n", options.serve.address.c_str(), (*server)->port());
  std::fflush(stdout);
  wait_for_the_end(signals, options.parent_pid);
  (*server)->stop();
  return {};
}

}  // namespace

void add_serve(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("serve", "Answer over HTTP, as OpenAI's Chat Completions does");
  command->add_option("--model", options->serve.model_folder, "the model folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--name", options->serve.name,
                      "the model's name in requests (default: the folder's)");
  command->add_option("--listen", options->listen, "ADDRESS:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_option("--adapter", options->adapters,
                      "NAME=FOLDER of a LoRA adapter; may be repeated");
  command
      ->add_option("--dtype", options->serve.dtype,
                   "arithmetic; auto: the fastest on this processor")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str();
  command
      ->add_option("--context", options->serve.context, "the longest prompt and answer, in tokens")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--queue", options->serve.max_waiting, "requests that may wait; beyond it 429")
      ->capture_default_str();
  command->add_option("--threads", options->serve.threads, "threads that compute")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--parent-pid", options->parent_pid, "end when this parent process is gone");
  command->callback(
      [options, &chosen] { chosen = [options] { return exit_code(serve(*options)); }; });
}

}  // namespace hone::engine
