// Inside net: what exchanges of one client share: idle connections per origin, and the TLS
// settings. A connection belongs to the thread that made it, and is given back to that one only.
// Thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "net/client.h"
#include "net/stream.h"

namespace hone::net {

class Client::Pool {
 public:
  explicit Pool(ClientOptions options) : options_(std::move(options)) {}

  // A connection that is open and silent, or nullptr. `executor` is the coroutine's.
  [[nodiscard]] std::unique_ptr<Stream> take(const Executor& executor, const std::string& origin);
  void put(const Executor& executor, const std::string& origin, std::unique_ptr<Stream> stream);

  [[nodiscard]] Result<asio::ssl::context*> tls();
  [[nodiscard]] const ClientOptions& options() const { return options_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Idle {
    std::unique_ptr<Stream> stream;
    SteadyTime since;
  };

  // The event loop and the origin.
  using Place = std::pair<const void*, std::string>;
  static Place place_of(const Executor& executor, const std::string& origin);

  const ClientOptions options_;
  std::mutex mutex_;
  std::map<Place, std::deque<Idle>> idle_;  // the one used longest ago first
  std::unique_ptr<asio::ssl::context> tls_;
};

}  // namespace hone::net
