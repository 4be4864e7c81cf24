// TCP connections to all other ranks, and the one thing that is done with them: every rank sends
// one frame to every other and takes one from every other, all at once. What is wrong with a peer
// is an error that names its rank: it is gone, it gave up (with its reason), it sends what does not
// fit, or it does not answer in time. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::engine {

// A descriptor that is closed at the end; -1: none.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] int release();
  void close();

 private:
  int descriptor_;
};

// The bytes of one frame to and from one rank, wherever they lie. Empty ones are frames too.
struct Transfer {
  std::vector<std::span<const char>> out;
  std::vector<std::span<char>> in;
};

class Links {
 public:
  // By rank; that of the own rank is none. An exchange may take `timeout`, which is how far one
  // rank may be behind another.
  Links(std::vector<Socket> sockets, int rank, std::chrono::milliseconds timeout);

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int world() const { return static_cast<int>(sockets_.size()); }
  // By rank, that of the own rank ignored.
  [[nodiscard]] Result<void> exchange(const std::vector<Transfer>& transfers);
  void give_up(std::string_view reason);

 private:
  struct Flow;
  [[nodiscard]] Result<void> wait(std::vector<Flow>& flows,
                                  std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] Result<void> advance(Flow& flow, short events);
  [[nodiscard]] Result<void> send(Flow& flow);
  [[nodiscard]] Result<void> receive(Flow& flow);
  [[nodiscard]] Result<void> check_header(Flow& flow);

  std::vector<Socket> sockets_;
  std::vector<bool> mid_frame_;  // by rank: a frame to it has begun and not ended
  int rank_;
  std::chrono::milliseconds timeout_;
  std::uint64_t number_ = 0;  // of the last exchange
};

}  // namespace hone::engine
