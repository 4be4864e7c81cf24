#include "engine/ranks/join.h"

#include <c10/util/Exception.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/hash.h"
#include "base/random.h"
#include "engine/ranks/mesh.h"

namespace hone::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostRanks = 1024;
constexpr std::chrono::milliseconds kMostJoinTime{std::chrono::minutes(5)};
constexpr int kHelloSeconds = 5;
constexpr std::size_t kTokenBytes = 32;  // as hex

// A rank's first words to one with a lower number.
struct Hello {
  std::array<char, kTokenBytes> token{};
  std::int32_t rank = 0;
  std::int32_t world = 0;
};

Result<std::int64_t> number_in(const Environment& get, const char* name, std::int64_t low,
                               std::int64_t high, std::optional<std::int64_t> otherwise) {
  const char* text = get(name);
  if (text == nullptr || *text == '\0') {
    if (otherwise) return *otherwise;
    return fail(ErrorCode::kInvalid,
                std::string("environment variable ") + name +
                    " is missing: WORLD_SIZE says that there are several ranks. torchrun sets it");
  }
  std::int64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [stopped, bad] = std::from_chars(text, end, value);
  if (bad != std::errc() || stopped != end || value < low || value > high) {
    return fail(ErrorCode::kInvalid, std::string("environment variable ") + name + " = '" + text +
                                         "' must be a number from " + std::to_string(low) + " to " +
                                         std::to_string(high));
  }
  return value;
}

std::unexpected<Error> system_error(const std::string& what) {
  return fail(ErrorCode::kIo, what + ": " + std::strerror(errno));
}

// A socket address and its length.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

Result<Address> resolve(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    return fail(ErrorCode::kUnavailable,
                "cannot find the address of '" + host + "': " + ::gai_strerror(code));
  }
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return address;
}

// The address of this machine by which it is seen from the master, with no port. A datagram socket
// that is connected knows it, and sends nothing.
Result<Address> own_address(const Place& place) {
  auto master = resolve(place.master_address, std::to_string(place.master_port), 0);
  if (!master) return fail(master.error().with("MASTER_ADDR"));
  const Socket probe(::socket(master->family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Address own;
  if (probe.get() < 0 || ::connect(probe.get(), master->get(), master->size) != 0 ||
      ::getsockname(probe.get(), own.get(), &own.size) != 0)
    return system_error("no way to MASTER_ADDR " + place.master_address);
  if (own.family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(own.get())->sin6_port = 0;
  } else {
    reinterpret_cast<sockaddr_in*>(own.get())->sin_port = 0;
  }
  return own;
}

Result<Socket> listen_at(Address address) {
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0 || ::bind(socket.get(), address.get(), address.size) != 0 ||
      ::listen(socket.get(), kMostRanks) != 0)
    return system_error("cannot listen for the other ranks");
  return socket;
}

// "host port", numeric.
Result<std::string> name_of(const Socket& listener) {
  Address address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getsockname(listener.get(), address.get(), &address.size) != 0 ||
      ::getnameinfo(address.get(), address.size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return system_error("cannot name the own address");
  return std::string(host.data()) + " " + port.data();
}

bool wait_until(int descriptor, short events, Clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{descriptor, events, 0};
    const int count = ::poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (count >= 0 || errno != EINTR) return count > 0;
  }
}

Result<Socket> connect_to(const std::string& name, Clock::time_point deadline) {
  const auto blank = name.find(' ');
  if (blank == std::string::npos) return fail(ErrorCode::kCorrupt, "'" + name + "' is no address");
  auto address =
      resolve(name.substr(0, blank), name.substr(blank + 1), AI_NUMERICHOST | AI_NUMERICSERV);
  if (!address) return fail(address.error());
  Socket socket(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return system_error("cannot make a socket");
  if (::connect(socket.get(), address->get(), address->size) != 0 && errno != EINPROGRESS)
    return system_error("cannot connect to " + name);
  if (!wait_until(socket.get(), POLLOUT, deadline))
    return fail(ErrorCode::kTimeout, "no connection to " + name);
  int code = 0;
  socklen_t size = sizeof(code);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0)
    return fail(ErrorCode::kIo, "cannot connect to " + name + ": " + std::strerror(code));
  return socket;
}

// Small frames go at once; a machine that has gone without a word is noticed within a minute.
void set_up(const Socket& socket) {
  const auto set = [&socket](int level, int option, int value) {
    ::setsockopt(socket.get(), level, option, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

// What the store holds of each rank, under keys of this attempt.
class Meeting {
 public:
  Meeting(const Place& place, std::chrono::milliseconds timeout)
      : prefix_("hone/attempt_" + std::to_string(place.attempt) + "/"),
        store_(c10::make_intrusive<c10d::TCPStore>(place.master_address, options(place, timeout))) {
    if (place.rank == 0) put("token", hex(secret_bytes(kTokenBytes / 2)));
  }
  void put(const std::string& key, const std::string& text) { base().set(prefix_ + key, text); }
  std::string get(const std::string& key) { return base().get_to_str(prefix_ + key); }

 private:
  static c10d::TCPStoreOptions options(const Place& place, std::chrono::milliseconds timeout) {
    c10d::TCPStoreOptions options;
    options.port = place.master_port;
    options.isServer = place.rank == 0 && !place.agent_has_store;
    options.numWorkers = static_cast<std::size_t>(place.world);
    options.waitWorkers = false;
    options.timeout = timeout;
    options.useLibUV = false;  // not every build of libtorch has it
    return options;
  }
  c10d::Store& base() { return *store_; }

  std::string prefix_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
};

std::string key_of(int rank) {
  return "rank_" + std::to_string(rank);
}

Result<Socket> greet(const Place& place, int peer, const std::string& name,
                     const std::string& token, Clock::time_point deadline) {
  auto socket = connect_to(name, deadline);
  if (!socket) return fail(socket.error().with("rank " + std::to_string(peer)));
  Hello hello{{}, place.rank, place.world};
  std::copy_n(token.begin(), std::min(token.size(), kTokenBytes), hello.token.begin());
  if (::send(socket->get(), &hello, sizeof(hello), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(sizeof(hello)))
    return system_error("rank " + std::to_string(peer) + " does not listen");
  return socket;
}

// The next rank that connects and knows the token; nothing where it was somebody else.
std::optional<std::pair<int, Socket>> accept_one(const Socket& listener, const std::string& token,
                                                 const Place& place) {
  Socket socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket.get() < 0) return std::nullopt;
  const timeval patience{kHelloSeconds, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  Hello hello;
  const ssize_t got = ::recv(socket.get(), &hello, sizeof(hello), MSG_WAITALL);
  if (got != static_cast<ssize_t>(sizeof(hello))) return std::nullopt;
  if (std::string_view(hello.token.data(), hello.token.size()) != token) return std::nullopt;
  if (hello.rank <= place.rank || hello.rank >= place.world || hello.world != place.world)
    return std::nullopt;
  return std::pair(static_cast<int>(hello.rank), std::move(socket));
}

// Connects with every lower rank, and lets every higher one in.
Result<std::vector<Socket>> connect_all(const Place& place, Meeting& meeting,
                                        const Socket& listener, Clock::time_point deadline) {
  std::vector<Socket> sockets(static_cast<std::size_t>(place.world));
  const std::string token = meeting.get("token");
  // All before the first greeting: rank 0 ends its store after that.
  std::vector<std::string> names;
  for (int peer = 0; peer < place.rank; ++peer) names.push_back(meeting.get(key_of(peer)));
  for (int peer = 0; peer < place.rank; ++peer) {
    auto socket = greet(place, peer, names[static_cast<std::size_t>(peer)], token, deadline);
    if (!socket) return fail(socket.error());
    sockets[static_cast<std::size_t>(peer)] = std::move(*socket);
  }
  for (int missing = place.world - place.rank - 1; missing > 0;) {
    if (!wait_until(listener.get(), POLLIN, deadline)) {
      return fail(ErrorCode::kTimeout, std::to_string(missing) + " of " +
                                           std::to_string(place.world) +
                                           " ranks have not come: were all started?");
    }
    auto accepted = accept_one(listener, token, place);
    if (!accepted) continue;
    Socket& place_of = sockets[static_cast<std::size_t>(accepted->first)];
    if (place_of.get() >= 0) {
      return fail(ErrorCode::kConflict,
                  "two processes have RANK = " + std::to_string(accepted->first));
    }
    place_of = std::move(accepted->second);
    --missing;
  }
  for (const Socket& socket : sockets) {
    if (socket.get() >= 0) set_up(socket);
  }
  return sockets;
}

Result<std::shared_ptr<Collective>> meet(const Place& place) {
  const auto patience = std::min(place.timeout, kMostJoinTime);
  const auto deadline = Clock::now() + patience;
  auto address = own_address(place);
  if (!address) return fail(address.error());
  auto listener = listen_at(*address);
  if (!listener) return fail(listener.error());
  auto name = name_of(*listener);
  if (!name) return fail(name.error());
  // Rank 0 may end its store once all have greeted it: they have read what they need before.
  Meeting meeting(place, patience);
  meeting.put(key_of(place.rank), *name);
  auto sockets = connect_all(place, meeting, *listener, deadline);
  if (!sockets) return fail(sockets.error());
  return std::make_shared<Mesh>(Links(std::move(*sockets), place.rank, place.timeout));
}

}  // namespace

Result<Place> place_from_environment(const Environment& get) {
  Place place;
  const auto world = number_in(get, "WORLD_SIZE", 1, kMostRanks, 1);
  if (!world) return fail(world.error());
  if (*world == 1) return place;
  const auto rank = number_in(get, "RANK", 0, *world - 1, std::nullopt);
  if (!rank) return fail(rank.error());
  const auto local = number_in(get, "LOCAL_RANK", 0, kMostRanks - 1, std::nullopt);
  if (!local) return fail(local.error());
  const auto port = number_in(get, "MASTER_PORT", 1, 65535, std::nullopt);
  if (!port) return fail(port.error());
  const auto attempt = number_in(get, "TORCHELASTIC_RESTART_COUNT", 0, 1'000'000, 0);
  if (!attempt) return fail(attempt.error());
  const auto seconds = number_in(get, "HONE_RANKS_TIMEOUT", 1, 7 * 86400, 1800);
  if (!seconds) return fail(seconds.error());
  const char* address = get("MASTER_ADDR");
  if (address == nullptr || *address == '\0')
    return fail(ErrorCode::kInvalid, "environment variable MASTER_ADDR is missing");
  const char* agent = get("TORCHELASTIC_USE_AGENT_STORE");
  place.rank = static_cast<int>(*rank);
  place.world = static_cast<int>(*world);
  place.local_rank = static_cast<int>(*local);
  place.master_address = address;
  place.master_port = static_cast<std::uint16_t>(*port);
  place.agent_has_store = agent != nullptr && std::string_view(agent) == "True";
  place.attempt = static_cast<int>(*attempt);
  place.timeout = std::chrono::seconds(*seconds);
  return place;
}

Result<std::shared_ptr<Collective>> join(const Place& place) {
  if (place.world == 1) return alone();
  const std::string where = "rank " + std::to_string(place.rank) + " cannot join the others at " +
                            place.master_address + ":" + std::to_string(place.master_port);
  try {
    auto met = meet(place);
    if (!met) return fail(met.error().with(where));
    return met;
  } catch (const c10::Error& error) {  // the store's
    return fail(ErrorCode::kUnavailable, where + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail(ErrorCode::kUnavailable, where + ": " + error.what());
  }
}

}  // namespace hone::engine
