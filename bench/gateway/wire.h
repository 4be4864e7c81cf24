// What the stub upstream and the load generator share: sockets that never block, and as much of
// HTTP/1.1 as the two need. They must cost far less than what they measure, so they know the bytes
// that are coming and look at little else.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace hone::bench {

using Steady = std::chrono::steady_clock;

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now().time_since_epoch())
      .count();
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Every write leaves at once: a benchmark of streams must not wait for Nagle.
inline void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

inline int listen_on(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) die("socket");
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(socket, 4096) != 0) die("listen");
  return socket;
}

inline void watch(int epoll, int socket, std::uint32_t events, std::uint64_t tag, bool anew) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll, anew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event) != 0) {
    die("epoll_ctl");
  }
}

// The number behind `name` ("\r\ncontent-length:", in lower case) in a head; -1 where it is absent.
inline long header_number(std::string_view head, std::string_view name) {
  for (std::size_t at = 0; at + name.size() < head.size(); ++at) {
    std::size_t i = 0;
    while (i < name.size() &&
           (head[at + i] | (head[at + i] >= 'A' && head[at + i] <= 'Z' ? 32 : 0)) == name[i])
      ++i;
    if (i < name.size()) continue;
    std::string_view rest = head.substr(at + i);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    long value = -1;
    std::from_chars(rest.data(), rest.data() + rest.size(), value);
    return value;
  }
  return -1;
}

}  // namespace hone::bench
