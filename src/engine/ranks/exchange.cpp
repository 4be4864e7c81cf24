#include "engine/ranks/exchange.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

namespace hone::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kMagic = 0x6b6e7248;  // "Hrnk"
constexpr std::uint32_t kData = 1;
constexpr std::uint32_t kGivenUp = 2;
constexpr std::size_t kMaxReasonBytes = 16 << 10;
constexpr std::size_t kMostVectors = 64;  // of one system call
constexpr std::chrono::milliseconds kFarewell{2000};

// Ranks run the same program on the same kind of machine: numbers are sent as they are.
struct Header {
  std::uint32_t magic = kMagic;
  std::uint32_t kind = kData;
  std::uint64_t number = 0;  // of the exchange
  std::uint64_t size = 0;    // of what follows
};

int milliseconds_until(Clock::time_point deadline, std::chrono::milliseconds most) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), most).count());
}

// Waits until the descriptor can be read or written, or something happened to it.
bool ready(int descriptor, short events, Clock::time_point deadline) {
  pollfd polled{descriptor, events, 0};
  return ::poll(&polled, 1, milliseconds_until(deadline, kFarewell)) > 0;
}

std::string named(int rank) {
  return "rank " + std::to_string(rank);
}

std::unexpected<Error> lost(int rank, int code) {
  return fail(ErrorCode::kUnavailable,
              named(rank) + " is gone: " +
                  (code == 0 ? "its process ended" : std::string(std::strerror(code))));
}

// Why a rank gave up, as far as it comes.
std::string read_reason(int descriptor, std::uint64_t size) {
  std::string reason(std::min<std::uint64_t>(size, kMaxReasonBytes), '\0');
  std::size_t have = 0;
  const auto deadline = Clock::now() + kFarewell;
  while (have < reason.size() && ready(descriptor, POLLIN, deadline)) {
    const ssize_t got =
        ::recv(descriptor, reason.data() + have, reason.size() - have, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  reason.resize(have);
  return reason;
}

// What is still to be moved, in order.
class Bytes {
 public:
  void add(void* data, std::size_t size) {
    if (size > 0) vectors_.push_back({data, size});
    size_ += size;
  }
  [[nodiscard]] bool done() const { return at_ == vectors_.size(); }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] msghdr message() {
    msghdr message{};
    message.msg_iov = vectors_.data() + at_;
    message.msg_iovlen = std::min(vectors_.size() - at_, kMostVectors);
    return message;
  }
  void moved(std::size_t count) {
    while (count > 0) {
      iovec& first = vectors_[at_];
      const std::size_t part = std::min(count, first.iov_len);
      first.iov_base = static_cast<char*>(first.iov_base) + part;
      first.iov_len -= part;
      count -= part;
      if (first.iov_len == 0) ++at_;
    }
  }

 private:
  std::vector<iovec> vectors_;
  std::size_t at_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  close();
  descriptor_ = other.release();
  return *this;
}

int Socket::release() {
  return std::exchange(descriptor_, -1);
}

void Socket::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

// One peer within one exchange. Stays where it is: `out` and `head` point into it.
struct Links::Flow {
  int rank = 0;
  int descriptor = -1;
  Header own;
  Header theirs;
  Bytes out;   // the header, then the frame
  Bytes head;  // their header
  Bytes in;    // their frame
  bool checked = false;

  [[nodiscard]] bool received() const { return checked && in.done(); }
  [[nodiscard]] bool done() const { return received() && out.done(); }
};

Links::Links(std::vector<Socket> sockets, int rank, std::chrono::milliseconds timeout)
    : sockets_(std::move(sockets)),
      mid_frame_(sockets_.size(), false),
      rank_(rank),
      timeout_(timeout) {}

Result<void> Links::exchange(const std::vector<Transfer>& transfers) {
  HONE_ASSERT(transfers.size() == sockets_.size());
  ++number_;
  std::vector<Flow> flows(sockets_.size());
  for (std::size_t i = 0; i < flows.size(); ++i) {
    Flow& flow = flows[i];
    flow.rank = static_cast<int>(i);
    if (flow.rank == rank_) {
      flow.checked = true;
      continue;
    }
    flow.descriptor = sockets_[i].get();
    if (flow.descriptor < 0) return fail(ErrorCode::kUnavailable, named(flow.rank) + " is gone");
    flow.own.number = number_;
    for (const auto& part : transfers[i].out) flow.own.size += part.size();
    flow.out.add(&flow.own, sizeof(Header));
    for (const auto& part : transfers[i].out)
      flow.out.add(const_cast<char*>(part.data()), part.size());
    flow.head.add(&flow.theirs, sizeof(Header));
    for (const auto& part : transfers[i].in) flow.in.add(part.data(), part.size());
  }
  return wait(flows, Clock::now() + timeout_);
}

Result<void> Links::wait(std::vector<Flow>& flows, Clock::time_point deadline) {
  while (true) {
    std::vector<pollfd> polled;
    std::vector<Flow*> waiting;
    std::string names;
    for (Flow& flow : flows) {
      if (flow.done()) continue;
      const int events = (flow.out.done() ? 0 : POLLOUT) | (flow.received() ? 0 : POLLIN);
      polled.push_back({flow.descriptor, static_cast<short>(events), 0});
      waiting.push_back(&flow);
      names += (names.empty() ? "" : ", ") + named(flow.rank);
    }
    if (polled.empty()) return {};
    if (Clock::now() >= deadline) {
      return fail(ErrorCode::kTimeout, names + " did not answer within " +
                                           std::to_string(timeout_.count() / 1000) +
                                           " s: the process hangs, or is much slower than the "
                                           "others (HONE_RANKS_TIMEOUT sets the limit)");
    }
    const int count = ::poll(polled.data(), polled.size(),
                             milliseconds_until(deadline, std::chrono::milliseconds(1000)));
    if (count < 0 && errno != EINTR)
      return fail(ErrorCode::kIo, std::string("cannot wait for ranks: ") + std::strerror(errno));
    if (count <= 0) continue;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      if (auto moved = advance(*waiting[i], polled[i].revents); !moved) return moved;
    }
  }
}

// Reads before it writes: who gave up says why before his connection ends.
Result<void> Links::advance(Flow& flow, short events) {
  if (!flow.received() && (events & ~POLLOUT) != 0) {
    if (auto read = receive(flow); !read) return read;
  }
  if (!flow.out.done() && (events & ~POLLIN) != 0) return send(flow);
  return {};
}

Result<void> Links::send(Flow& flow) {
  while (!flow.out.done()) {
    const msghdr message = flow.out.message();
    const ssize_t sent = ::sendmsg(flow.descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    if (sent < 0) {
      const int code = errno;
      // What was sent before the end may still lie here, and say why.
      if (auto read = receive(flow); !read) return read;
      return lost(flow.rank, code);
    }
    flow.out.moved(static_cast<std::size_t>(sent));
    mid_frame_[static_cast<std::size_t>(flow.rank)] = !flow.out.done();
  }
  return {};
}

Result<void> Links::receive(Flow& flow) {
  while (!flow.received()) {
    Bytes& bytes = flow.head.done() ? flow.in : flow.head;
    if (!bytes.done()) {
      msghdr message = bytes.message();
      const ssize_t got = ::recvmsg(flow.descriptor, &message, MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
      if (got <= 0) return lost(flow.rank, got < 0 ? errno : 0);
      bytes.moved(static_cast<std::size_t>(got));
    }
    if (flow.head.done() && !flow.checked) {
      if (auto fits = check_header(flow); !fits) return fits;
    }
  }
  return {};
}

Result<void> Links::check_header(Flow& flow) {
  if (flow.theirs.magic != kMagic)
    return fail(ErrorCode::kCorrupt, named(flow.rank) + " sends what is no frame of ours");
  if (flow.theirs.kind == kGivenUp) {
    return fail(ErrorCode::kUnavailable,
                named(flow.rank) + " gave up: " + read_reason(flow.descriptor, flow.theirs.size));
  }
  if (flow.theirs.number != number_ || flow.theirs.size != flow.in.size()) {
    return fail(ErrorCode::kConflict,
                named(flow.rank) + " sends " + std::to_string(flow.theirs.size) +
                    " bytes in exchange " + std::to_string(flow.theirs.number) + ", rank " +
                    std::to_string(rank_) + " expects " + std::to_string(flow.in.size()) +
                    " in exchange " + std::to_string(number_) +
                    ": all ranks must run the same hone-engine on the same run");
  }
  flow.checked = true;
  return {};
}

void Links::give_up(std::string_view reason) {
  reason = reason.substr(0, kMaxReasonBytes);
  std::string frame(sizeof(Header), '\0');
  const Header header{kMagic, kGivenUp, number_, reason.size()};
  std::memcpy(frame.data(), &header, sizeof(Header));
  frame += reason;
  const auto deadline = Clock::now() + kFarewell;
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    const int descriptor = sockets_[i].get();
    if (descriptor < 0) continue;
    // In the middle of a frame the reason would be taken for its rest.
    if (!mid_frame_[i] && ready(descriptor, POLLOUT, deadline))
      std::ignore = ::send(descriptor, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(descriptor, SHUT_WR);
  }
  // A connection that is closed with unread bytes is reset, and the reason may be lost with it.
  for (Socket& socket : sockets_) {
    std::array<char, 64 << 10> ignored;
    while (socket.get() >= 0 && ready(socket.get(), POLLIN, deadline)) {
      const ssize_t got = ::recv(socket.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) break;
    }
    socket.close();
  }
}

}  // namespace hone::engine
