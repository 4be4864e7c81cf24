// Inside net: one connection to a server, plain or TLS. One operation at a time, whose deadline the
// watchdog keeps: it closes the stream.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "net/async.h"
#include "net/watchdog.h"

namespace hone::net {

class Stream {
 public:
  using Code = boost::system::error_code;
  using Tcp = asio::ip::tcp;

  explicit Stream(const Executor& executor)
      : socket_(executor), watchdog_(executor, [this] { close(); }) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] awaitable<Code> connect(const std::vector<Tcp::endpoint>& endpoints);
  // The TLS handshake; the certificate must be valid for `host`.
  [[nodiscard]] awaitable<Code> secure(asio::ssl::context& context, const std::string& host);
  // No coroutine of its own: it is awaited for every chunk of a stream.
  [[nodiscard]] awaitable<std::tuple<Code, std::size_t>> read_some(asio::mutable_buffer into);
  [[nodiscard]] awaitable<Code> write_all(std::string_view head,
                                          std::array<std::string_view, 3> body);
  // Open, and nothing came: it may be used for another request.
  [[nodiscard]] bool quiet();
  void close();
  [[nodiscard]] Watchdog& watchdog() { return watchdog_; }

 private:
  Socket socket_;
  Watchdog watchdog_;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;
};

}  // namespace hone::net
