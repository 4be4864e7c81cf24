#include "cli/successor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace hone::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* kVariable = "HONE_SUCCESSOR";  // "LISTENER,TELL": two descriptors
constexpr char kReadyByte = 'r';
constexpr auto kEnd = 5s;  // the patience with one that is to end

void close_one(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

std::optional<int> descriptor_of(std::string_view text) {
  int value = -1;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value <= STDERR_FILENO) return std::nullopt;
  if (::fcntl(value, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return value;
}

}  // namespace

Result<std::unique_ptr<Successor>> Successor::start(const std::vector<std::string>& command,
                                                    int listener, std::chrono::seconds patience) {
  std::array<int, 2> ends{};  // ours and its
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return fail(ErrorCode::kIo, std::string("socketpair: ") + std::strerror(errno));
  }
  net::ProcessOptions options;
  options.argv = command;
  options.environment[kVariable] = std::to_string(listener) + "," + std::to_string(ends[1]);
  options.keep = {listener, ends[1]};
  options.outlives_us = true;
  auto process = net::Process::spawn(options);
  ::close(ends[1]);
  if (!process) {
    ::close(ends[0]);
    return fail(process.error());
  }
  return std::unique_ptr<Successor>(new Successor(std::move(*process), ends[0], patience));
}

Successor::Successor(net::Process process, int ear, std::chrono::seconds patience)
    : process_(std::move(process)),
      pid_(process_.pid()),
      ear_(ear),
      patience_(patience),
      began_(std::chrono::steady_clock::now()) {}

Successor::~Successor() {
  if (state_ == State::kComing) process_.terminate(kEnd);
  ::close(ear_);
}

Successor::State Successor::look() {
  if (state_ != State::kComing) return state_;
  char said = 0;
  const auto got = ::recv(ear_, &said, 1, 0);
  if (got == 1 && said == kReadyByte) {
    process_.let_go();
    return state_ = State::kReady;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (std::chrono::steady_clock::now() - began_ < patience_) return state_;
    process_.terminate(kEnd);
    return fail_with("it is not ready after " + std::to_string(patience_.count()) + " s");
  }
  // Its end is closed, and so is it, or will be in a moment.
  auto exit = process_.wait_for(kEnd);
  if (!exit) exit = process_.terminate(kEnd);
  return fail_with("it ended with status " + std::to_string(exit->code));
}

Successor::State Successor::fail_with(std::string why) {
  why_ = std::move(why);
  return state_ = State::kFailed;
}

Result<std::optional<Inheritance>> Inheritance::take() {
  const char* given = std::getenv(kVariable);
  if (given == nullptr) return std::nullopt;
  const std::string text = given;
  ::unsetenv(kVariable);
  const auto comma = text.find(',');
  const auto listener = descriptor_of(text.substr(0, comma));
  const auto mouth =
      comma == std::string::npos ? std::nullopt : descriptor_of(text.substr(comma + 1));
  if (!listener || !mouth) {
    return fail(
        ErrorCode::kInvalid,
        std::string(kVariable) + " is for a server that takes another one's place; unset it");
  }
  return Inheritance(*listener, *mouth);
}

Inheritance::Inheritance(Inheritance&& other) noexcept
    : listener_(std::exchange(other.listener_, -1)), mouth_(std::exchange(other.mouth_, -1)) {}

Inheritance::~Inheritance() {
  close_one(listener_);
  close_one(mouth_);
}

int Inheritance::take_listener() {
  return std::exchange(listener_, -1);
}

// Should nobody listen any more, the other has died, and we have its place all the same.
void Inheritance::say_ready() {
  [[maybe_unused]] const auto sent = ::send(mouth_, &kReadyByte, 1, MSG_NOSIGNAL);
  close_one(mouth_);
}

}  // namespace hone::cli
