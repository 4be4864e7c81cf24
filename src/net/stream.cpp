#include "net/stream.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace hone::net {
namespace {

constexpr auto kToken = asio::as_tuple(use_awaitable);

}  // namespace

awaitable<Stream::Code> Stream::connect(const std::vector<Tcp::endpoint>& endpoints) {
  const auto [failed, endpoint] = co_await asio::async_connect(socket_, endpoints, kToken);
  if (failed) co_return failed;
  Code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  co_return Code();
}

awaitable<Stream::Code> Stream::secure(asio::ssl::context& context, const std::string& host) {
  tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, context);
  Code failed;
  asio::ip::make_address(host, failed);
  const bool is_name = static_cast<bool>(failed);
  if (is_name && SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str()) != 1) {
    co_return Code(EINVAL, boost::system::generic_category());
  }
  tls_->set_verify_mode(asio::ssl::verify_peer);
  tls_->set_verify_callback(asio::ssl::host_name_verification(host));
  const auto [refused] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kToken);
  co_return refused;
}

awaitable<std::tuple<Stream::Code, std::size_t>> Stream::read_some(asio::mutable_buffer into) {
  if (tls_) return tls_->async_read_some(into, kToken);
  return socket_.async_read_some(into, kToken);
}

awaitable<Stream::Code> Stream::write_all(std::string_view head,
                                          std::array<std::string_view, 3> body) {
  std::array<asio::const_buffer, 4> parts = {asio::buffer(head.data(), head.size())};
  for (std::size_t i = 0; i < body.size(); ++i) {
    parts[i + 1] = asio::buffer(body[i].data(), body[i].size());
  }
  if (tls_) {
    const auto [failed, bytes] = co_await asio::async_write(*tls_, parts, kToken);
    co_return failed;
  }
  const auto [failed, bytes] = co_await asio::async_write(socket_, parts, kToken);
  co_return failed;
}

bool Stream::quiet() {
  if (!socket_.is_open()) return false;
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Stream::close() {
  Code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

}  // namespace hone::net
