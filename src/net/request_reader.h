// Inside net: reads one request after the other from a connection, with every limit and deadline,
// and lets nothing ambiguous through.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <expected>

#include "net/message_parser.h"
#include "net/server.h"
#include "net/server_socket.h"
#include "net/watchdog.h"

namespace hone::net {

struct Incoming {
  Request request;
  bool keep_alive = false;
  bool http_1_0 = false;
};

// Why a request does not reach the handler. Status 0: just close.
struct Refusal {
  int status = 0;
  std::string message;
};

class RequestReader {
 public:
  RequestReader(ServerSocket& socket, Watchdog& watchdog, const ServerOptions& options,
                ServerCounters& counters)
      : socket_(socket), watchdog_(watchdog), options_(options), counters_(counters) {}

  [[nodiscard]] awaitable<std::expected<Incoming, Refusal>> next();
  // True while nothing of a next request has come.
  [[nodiscard]] bool idle() const { return idle_; }
  // Reads and drops for a moment, so that a refusal is not lost in a reset of the connection.
  [[nodiscard]] awaitable<void> drain();

 private:
  using Parser = MessageParser<true>;
  using Deadline = Watchdog::Deadline;

  awaitable<bool> read_more(Deadline deadline, std::size_t at_most);
  awaitable<std::expected<std::size_t, Refusal>> read_head();
  awaitable<std::expected<void, Refusal>> read_body(Parser& parser);
  awaitable<std::expected<void, Refusal>> read_sized_body(std::string& body, std::size_t length);
  [[nodiscard]] Deadline earned(Deadline start, std::uint64_t received) const;
  awaitable<std::expected<void, Refusal>> allow_body(const Parser& parser);
  [[nodiscard]] std::string_view buffered() const;
  [[nodiscard]] std::unexpected<Refusal> refuse(int status, std::string message);
  [[nodiscard]] std::unexpected<Refusal> cut_off(int status_if_slow);

  ServerSocket& socket_;
  Watchdog& watchdog_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  boost::beast::flat_buffer buffer_;
  bool first_ = true;
  bool idle_ = false;
};

}  // namespace hone::net
