// hone hook claude-code: what a command hook of Claude Code runs. It reads the hook's JSON on
// standard input and sends it to a server, within two seconds, and says nothing whatever comes of
// it: what a hook prints, and a status other than 0, the tool may take for a decision.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "cli/command.h"
#include "net/client.h"
#include "net/url.h"

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHookBytes = 4U << 20;  // as the server takes them
constexpr auto kWhole = 2'000ms;              // from the first byte read to the answer
constexpr auto kConnects = 500ms;

using Deadline = std::chrono::steady_clock::time_point;

std::chrono::milliseconds left_until(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return std::max(left, 0ms);
}

// Standard input to its end; nothing where that does not come in time, or is too far.
std::optional<std::string> read_hook(Deadline deadline) {
  std::string text;
  char bytes[65536];
  for (;;) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&input, 1, static_cast<int>(left_until(deadline).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t size = ::read(STDIN_FILENO, bytes, sizeof(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) return text;
    text.append(bytes, static_cast<std::size_t>(size));
    if (text.size() > kHookBytes) return std::nullopt;
  }
}

// --server, HONE_URL, or where the settings say that `hone serve` listens on this machine. The tool
// runs hooks in the folder of the project, and a hone.toml that lies there may be a stranger's: it
// sends nobody's work and key to another machine.
std::optional<net::Url> server_of(const Invocation& call, const std::string& given) {
  std::string address = given.empty() ? variable_or_empty("HONE_URL") : given;
  if (address.empty()) {
    const auto settings = call.settings();
    if (!settings) return std::nullopt;
    const auto endpoint = reached_at(*settings);
    if (!endpoint || (call.config.empty() && !endpoint->is_loopback())) return std::nullopt;
    address = server_url(*settings, *endpoint);
  }
  const auto url = net::parse_url(address);
  if (!url) return std::nullopt;
  return net::with_target(*url, "/v1/hooks/claude-code");
}

void send_hook(const Invocation& call, const std::string& server) {
  const Deadline deadline = std::chrono::steady_clock::now() + kWhole;
  auto body = read_hook(deadline);
  const auto url = server_of(call, server);
  if (!body || body->empty() || !url || left_until(deadline) == 0ms) return;
  net::ClientRequest request;
  request.method = "POST";
  request.url = *url;
  request.body = std::move(*body);
  request.headers.set("content-type", "application/json");
  const std::string key = variable_or_empty("HONE_KEY");
  if (!key.empty()) request.headers.set("authorization", "Bearer " + key);
  request.connect_timeout = kConnects;
  request.first_byte_timeout = left_until(deadline);
  request.idle_timeout = left_until(deadline);
  // Whether it was taken is for the server's metrics; here is nobody to tell.
  (void)net::fetch_blocking(std::move(request), left_until(deadline));
}

Result<void> hook(const Invocation& call, const std::string& server) {
  try {
    send_hook(call, server);
  } catch (const std::exception&) {
    // As where the server is away.
  }
  return {};
}

}  // namespace

void add_hook(CLI::App& app, Invocation& call) {
  auto server = std::make_shared<std::string>();
  auto* hook_command = app.add_subcommand(
      "hook", "what a tool's command hook runs: takes an event on standard input; always succeeds");
  hook_command->require_subcommand(1);
  auto* claude = hook_command->add_subcommand(
      "claude-code", "sends it to the server: HONE_URL, or listen of the settings; key: HONE_KEY");
  claude->add_option("--server", *server, "the server's address (default: HONE_URL)");
  claude->callback(
      [&call, server] { call.action = [&call, server] { return hook(call, *server); }; });
}

bool is_hook(const CLI::App& app) {
  return app.got_subcommand("hook");
}

}  // namespace hone::cli
