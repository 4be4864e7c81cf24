// Inside net: one client's connection: reads a request, has the handler answer it, reads the next.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "net/request_reader.h"
#include "net/server.h"
#include "net/server_socket.h"

namespace hone::net {

// What all connections of a server share.
struct ServerShared {
  ServerOptions options;
  Server::Handler handler;
  ServerCounters counters;
  std::atomic<bool> stopping = false;
  std::atomic<bool> draining = false;  // no new connections, and no second request on the old ones

  // Asked once a connection.
  [[nodiscard]] TlsContext tls() {
    const std::lock_guard lock(mutex);
    return certificate;
  }
  void set_tls(TlsContext next) {
    const std::lock_guard lock(mutex);
    certificate = std::move(next);
  }

 private:
  std::mutex mutex;
  TlsContext certificate;
};

class Connection final : public Responder, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, std::shared_ptr<ServerShared> shared);

  // Until the connection is closed. The caller keeps the object alive.
  awaitable<void> run();
  // From any thread: close if idle; with `now`, cut off a running handler too.
  void end(bool now);

  awaitable<Result<void>> send(Response response) override;
  awaitable<Result<void>> start(int status, Headers headers, std::string_view first) override;
  awaitable<Result<void>> write(std::string_view bytes) override;
  awaitable<Result<void>> finish(std::string_view last) override;
  void abort() override { close(); }
  [[nodiscard]] bool started() const override { return state_ != State::kWaiting; }
  [[nodiscard]] bool client_gone() const override { return gone_; }
  void on_client_gone(std::function<void()> callback) override { on_gone_ = std::move(callback); }

 private:
  enum class State { kWaiting, kStarted, kFinished };
  enum class Framing { kNone, kLength, kChunked, kUntilClose };

  awaitable<bool> secure();
  awaitable<bool> serve_one();
  awaitable<void> refuse(const Refusal& refusal);
  awaitable<void> run_handler();
  Result<std::string> begin(int status, Headers headers, std::optional<std::size_t> length);
  awaitable<Result<void>> write_framed(std::string before, std::string_view bytes, bool last);
  awaitable<Result<void>> write_all(std::string_view first, std::string_view second,
                                    std::string_view third);
  void watch_client();
  [[nodiscard]] bool client_ended();
  void note_gone();
  void close();

  std::shared_ptr<ServerShared> shared_;
  ServerSocket socket_;
  Watchdog watchdog_;
  RequestReader reader_;
  std::string peer_;
  Incoming incoming_;
  State state_ = State::kWaiting;
  Framing framing_ = Framing::kNone;
  std::uint64_t remaining_ = 0;  // of the content-length announced
  bool keep_alive_ = false;
  bool gone_ = false;
  bool in_handler_ = false;
  std::function<void()> on_gone_;
  Timer watch_;
  bool watching_ = false;
};

}  // namespace hone::net
