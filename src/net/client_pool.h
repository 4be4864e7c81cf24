// Inside net: what exchanges of one client share: idle connections per origin, and the TLS
// settings. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/client.h"
#include "net/stream.h"

namespace hone::net {

class Client::Pool {
 public:
  Pool(asio::io_context& io, ClientOptions options) : io_(io), options_(std::move(options)) {}

  // A connection that is open and silent, or nullptr.
  [[nodiscard]] std::unique_ptr<Stream> take(const std::string& origin);
  void put(const std::string& origin, std::unique_ptr<Stream> stream);

  [[nodiscard]] Result<asio::ssl::context*> tls();
  [[nodiscard]] asio::io_context& io() { return io_; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Idle {
    std::unique_ptr<Stream> stream;
    SteadyTime since;
  };

  asio::io_context& io_;
  const ClientOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Idle>> idle_;
  std::unique_ptr<asio::ssl::context> tls_;
};

}  // namespace hone::net
