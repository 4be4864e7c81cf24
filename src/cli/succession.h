// How the parts of a running server behave while another one takes its place (cli/successor.h):
// nothing changes until that one is ready; then this one ends what it began. Of one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/elders.h"
#include "cli/housekeeping.h"
#include "cli/successor.h"
#include "net/grpc_server.h"
#include "net/server.h"

namespace hone::cli {

struct SuccessionParts {
  std::vector<std::string> command;  // that starts the new one: as this one was started
  std::chrono::seconds patience;     // until it is ready
  net::Server& server;
  net::GrpcServer* grpc = nullptr;  // none: not asked for
  Housekeeping& housekeeping;
  Elders& elders;
};

class Succession {
 public:
  explicit Succession(SuccessionParts parts) : parts_(std::move(parts)) {}

  // Starts the new server. It comes up beside us, of the program as it lies on the disk by now.
  void begin();
  // The settings were read again: a new one that is on its way shall do so, too.
  void reloaded() { reload_too_ = successor_ != nullptr && !ends_at_; }
  // To be called several times a second: sees how it does.
  void look();
  // The new one serves, and whatever this one had begun has ended, or has had its time.
  [[nodiscard]] bool ended() const;
  // We end: a new one that is not ready does, too.
  void give_up() { successor_.reset(); }

 private:
  void go_on(const std::string& why);

  SuccessionParts parts_;
  std::unique_ptr<Successor> successor_;
  bool reload_too_ = false;
  std::optional<std::chrono::steady_clock::time_point> ends_at_;  // set once the new one serves
};

}  // namespace hone::cli
