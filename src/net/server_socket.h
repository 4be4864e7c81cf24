// Inside net: the connection to a client, plain or TLS. One read and one write at a time, on its
// own loop. Of a plain one it adds nothing to the socket's operations.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "net/async.h"
#include "net/tls_context.h"

namespace hone::net {

class ServerSocket {
 public:
  using Code = boost::system::error_code;
  using Done = std::tuple<Code, std::size_t>;
  using Parts = std::array<asio::const_buffer, 3>;

  // `tls` empty: plain.
  ServerSocket(Socket socket, const TlsContext& tls);
  ServerSocket(const ServerSocket&) = delete;
  ServerSocket& operator=(const ServerSocket&) = delete;

  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  // Both for TLS only: how it begins, and how it ends where nothing was cut off.
  [[nodiscard]] awaitable<Code> handshake();
  [[nodiscard]] awaitable<Code> say_goodbye();

  [[nodiscard]] awaitable<Done> read_some(asio::mutable_buffer into) {
    if (tls_) return tls_->async_read_some(into, kToken);
    return socket_.async_read_some(into, kToken);
  }
  // TLS: as much as makes one record, whatever the parts.
  [[nodiscard]] awaitable<Done> write_some(const Parts& parts) {
    if (tls_) return tls_->async_write_some(joined(parts), kToken);
    return socket_.async_write_some(parts, kToken);
  }

  [[nodiscard]] Executor executor() { return socket_.get_executor(); }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  // For what waits for the client's end: the bytes that it sees are the transport's.
  [[nodiscard]] Socket& transport() { return socket_; }
  // The client has ended its side, though bytes before that may not have been read.
  [[nodiscard]] bool half_closed();
  void close();

 private:
  static constexpr auto kToken = asio::as_tuple(use_awaitable);

  asio::const_buffer joined(const Parts& parts);

  Socket socket_;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;
  std::string record_;  // what is being written
};

}  // namespace hone::net
