// `hone serve`: all parts of the server, made in the order in which they need each other and
// stopped in the reverse. The only place that knows every one of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "cli/successor.h"

namespace hone::cli {

class Service {
 public:
  // Opens the data folder, starts everything and listens. `read_again` gives the settings anew, on
  // SIGHUP; with an inheritance it is to take the place of the server that left it.
  [[nodiscard]] static Result<std::unique_ptr<Service>> start(
      const Invocation& call, Settings settings,
      std::function<Result<Settings>()> read_again = nullptr,
      std::optional<Inheritance> inheritance = std::nullopt);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] std::string url() const;
  // Blocks until SIGTERM or SIGINT, or until the outbox is fenced; then answers what has begun,
  // records it, and returns. On SIGHUP, upstreams, fallbacks, new aliases, limits, prices, privacy
  // and the TLS certificate are taken from the settings as they are then; connections stay. On
  // SIGUSR2 a new process takes this one's place: once that is ready, this one ends what it began
  // and returns; until then, or where it does not come up, it goes on.
  [[nodiscard]] Result<void> run();

 private:
  Service();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hone::cli
