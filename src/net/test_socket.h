// For tests only: a blocking TCP client that sends exactly the bytes it is told to, and shows
// exactly what comes back. Reads give up after a few seconds, so that a broken server fails a test
// and does not hang it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::net {

class TestSocket {
 public:
  explicit TestSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~TestSocket() { close(); }
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool send(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Reads until `text` has come; what has come so far, also where the connection ends before.
  std::string read_until(std::string_view text) {
    while (received_.find(text) == std::string::npos && read_some()) {
    }
    return received_;
  }
  // Everything until the other side closes.
  std::string read_all() {
    while (read_some()) {
    }
    return received_;
  }
  // What has come so far, with what lies ready, without waiting for more.
  std::string read_ready() {
    std::array<char, 16384> bytes{};
    while (true) {
      const auto got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got <= 0) return received_;
      received_.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }
  // What read_until and read_all have gathered starts anew.
  void forget() { received_.clear(); }
  // True where the other side has ended the connection (and not merely fallen silent).
  bool ended() {
    while (read_some()) {
    }
    return ended_;
  }

 private:
  bool read_some() {
    std::array<char, 16384> bytes{};
    const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    if (got <= 0) return false;
    received_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string received_;
};

}  // namespace hone::net
