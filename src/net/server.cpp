#include "net/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "base/log.h"
#include "net/connection.h"

namespace hone::net {
namespace {

using asio::ip::tcp;
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// A handler that was cut off ends as soon as what it waits for fails, which has a deadline of its
// own.
constexpr auto kCutOffTime = std::chrono::seconds(30);

}  // namespace

class Server::State : public std::enable_shared_from_this<Server::State> {
 public:
  State(Runtime& runtime, std::shared_ptr<ServerShared> shared)
      : runtime_(runtime),
        executor_(runtime.io().get_executor()),
        acceptor_(executor_),
        pause_(executor_),
        shared_(std::move(shared)) {}

  Result<void> open();
  void start();
  bool stop(std::chrono::milliseconds grace);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void set_certificate(TlsContext tls) { shared_->set_tls(std::move(tls)); }
  [[nodiscard]] bool is_tls() const { return shared_->tls() != nullptr; }
  [[nodiscard]] const ServerCounters& counters() const { return shared_->counters; }

 private:
  awaitable<void> accept_loop();
  void admit(tcp::socket socket);
  void leave(const std::shared_ptr<Connection>& connection);
  void end_connections(bool now);

  Runtime& runtime_;
  asio::any_io_executor executor_;  // of the first thread
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<ServerShared> shared_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool accepting_ = false;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
};

Result<void> Server::State::open() {
  const auto& options = shared_->options;
  const std::string place = options.address + ":" + std::to_string(options.port);
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(options.address, failed);
  if (failed) return fail(ErrorCode::kInvalid, "'" + options.address + "' is not an IP address");
  const tcp::endpoint endpoint(address, options.port);
  acceptor_.open(endpoint.protocol(), failed);
  if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor_.bind(endpoint, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed == asio::error::address_in_use) {
    return fail(ErrorCode::kUnavailable, "port " + std::to_string(options.port) + " of " +
                                             options.address +
                                             " is taken; stop who has it, or choose another");
  }
  if (failed)
    return fail(ErrorCode::kUnavailable, "cannot listen on " + place + ": " + failed.message());
  port_ = acceptor_.local_endpoint().port();
  return {};
}

void Server::State::start() {
  accepting_ = true;
  auto ended = [self = shared_from_this()](const std::exception_ptr&) {
    const std::lock_guard lock(self->mutex_);
    self->accepting_ = false;
    self->changed_.notify_all();
  };
  asio::co_spawn(executor_, accept_loop(), std::move(ended));
}

awaitable<void> Server::State::accept_loop() {
  while (!shared_->stopping) {
    asio::any_io_executor home = runtime_.next_io().get_executor();
    auto [failed, socket] = co_await acceptor_.async_accept(home, kToken);
    if (shared_->stopping) break;
    if (failed) {
      ++shared_->counters.accept_failures;
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(kToken);
      continue;
    }
    admit(std::move(socket));
  }
}

void Server::State::admit(tcp::socket socket) {
  auto& counters = shared_->counters;
  ++counters.connections;
  if (counters.open >= shared_->options.max_connections) {
    ++counters.over_limit;
    return;  // closes it
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const auto executor = socket.get_executor();
  auto connection = std::make_shared<Connection>(std::move(socket), shared_);
  {
    const std::lock_guard lock(mutex_);
    connections_.insert(connection);
    ++counters.open;
  }
  auto ended = [self = shared_from_this(), connection](const std::exception_ptr& error) {
    if (error) spdlog::error("a connection failed in an unforeseen way");
    self->leave(connection);
  };
  asio::co_spawn(executor, connection->run(), std::move(ended));
}

void Server::State::leave(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  --shared_->counters.open;
  changed_.notify_all();
}

void Server::State::end_connections(bool now) {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) connection->end(now);
}

bool Server::State::stop(std::chrono::milliseconds grace) {
  shared_->stopping = true;
  asio::post(executor_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
  end_connections(false);
  const auto ended = [this] { return !accepting_ && connections_.empty(); };
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, grace, ended)) return true;
  lock.unlock();
  end_connections(true);
  lock.lock();
  if (!changed_.wait_for(lock, kCutOffTime, ended)) {
    spdlog::error("{} handlers did not end when they were cut off", connections_.size());
  }
  return false;
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

Result<std::unique_ptr<Server>> Server::listen(Runtime& runtime, ServerOptions options,
                                               Handler handler) {
  auto shared = std::make_shared<ServerShared>();
  shared->options = std::move(options);
  shared->handler = std::move(handler);
  shared->set_tls(shared->options.tls);
  auto state = std::make_shared<State>(runtime, std::move(shared));
  if (auto opened = state->open(); !opened) return fail(opened.error());
  state->start();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const {
  return state_->port();
}
const ServerCounters& Server::counters() const {
  return state_->counters();
}
void Server::set_certificate(TlsContext tls) {
  HONE_ASSERT(state_->is_tls() && tls);
  state_->set_certificate(std::move(tls));
}
bool Server::stop(std::chrono::milliseconds grace) {
  return state_->stop(grace);
}

}  // namespace hone::net
