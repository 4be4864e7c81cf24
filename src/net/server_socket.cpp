#include "net/server_socket.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/ssl/context.hpp>

namespace hone::net {
namespace {

constexpr std::size_t kRecordBytes = 16U << 10;  // TLS's own limit (RFC 8446, section 5.1)

}  // namespace

ServerSocket::ServerSocket(Socket socket, const TlsContext& tls) : socket_(std::move(socket)) {
  if (tls) tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, *tls);
}

awaitable<ServerSocket::Code> ServerSocket::handshake() {
  const auto [failed] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kToken);
  co_return failed;
}

awaitable<ServerSocket::Code> ServerSocket::say_goodbye() {
  const auto [failed] = co_await tls_->async_shutdown(kToken);
  co_return failed;
}

// Several small records would be several packets.
asio::const_buffer ServerSocket::joined(const Parts& parts) {
  record_.clear();
  for (const auto& part : parts) {
    const std::size_t size = std::min(part.size(), kRecordBytes - record_.size());
    record_.append(static_cast<const char*>(part.data()), size);
  }
  return asio::buffer(record_.data(), record_.size());
}

bool ServerSocket::half_closed() {
  pollfd look{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void ServerSocket::close() {
  Code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

}  // namespace hone::net
