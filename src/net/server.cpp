#include "net/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "base/log.h"
#include "net/connection.h"

namespace hone::net {
namespace {

using asio::ip::tcp;
constexpr auto kToken = asio::as_tuple(use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// A handler that was cut off ends as soon as what it waits for fails, which has a deadline of its
// own.
constexpr auto kCutOffTime = std::chrono::seconds(30);

bool listens_on(int socket, const tcp::endpoint& wanted) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) return false;
  tcp::endpoint bound;
  size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(socket, bound.data(), &size) != 0 || size > bound.capacity()) return false;
  bound.resize(size);
  const bool port = wanted.port() == 0 || wanted.port() == bound.port();
  return listening != 0 && port && bound.address() == wanted.address();
}

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
  void drain();
  [[nodiscard]] bool drained() const;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int listener() const { return listener_; }
  void set_certificate(TlsContext tls) { shared_->set_tls(std::move(tls)); }
  [[nodiscard]] bool is_tls() const { return shared_->tls() != nullptr; }
  [[nodiscard]] const ServerCounters& counters() const { return shared_->counters; }

 private:
  Result<void> bind(const tcp::endpoint& endpoint);
  Result<void> take_over(const tcp::endpoint& endpoint);
  void close_door();
  awaitable<void> accept_loop();
  void admit(Socket socket);
  void leave(const std::shared_ptr<Connection>& connection);
  void end_connections(bool now);

  Runtime& runtime_;
  Executor executor_;  // of the first thread
  asio::basic_socket_acceptor<tcp, Executor> acceptor_;
  Timer pause_;
  std::shared_ptr<ServerShared> shared_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool accepting_ = false;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
};

Result<void> Server::State::open() {
  const auto& options = shared_->options;
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(options.address, failed);
  if (failed) return fail(ErrorCode::kInvalid, "'" + options.address + "' is not an IP address");
  const tcp::endpoint endpoint(address, options.port);
  const bool inherited = options.listener >= 0 && listens_on(options.listener, endpoint);
  if (options.listener >= 0 && !inherited) ::close(options.listener);
  const auto opened = inherited ? take_over(endpoint) : bind(endpoint);
  if (!opened) return opened;
  port_ = acceptor_.local_endpoint(failed).port();
  listener_ = acceptor_.native_handle();
  return {};
}

Result<void> Server::State::take_over(const tcp::endpoint& endpoint) {
  boost::system::error_code failed;
  acceptor_.assign(endpoint.protocol(), shared_->options.listener, failed);
  if (!failed) return {};
  ::close(shared_->options.listener);
  return fail(ErrorCode::kUnavailable, "cannot listen on the socket given: " + failed.message());
}

Result<void> Server::State::bind(const tcp::endpoint& endpoint) {
  boost::system::error_code failed;
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  acceptor_.open(endpoint.protocol(), failed);
  if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor_.bind(endpoint, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed == asio::error::address_in_use) {
    return fail(ErrorCode::kUnavailable, "port " + port + " of " + address +
                                             " is taken; stop who has it, or choose another");
  }
  if (failed) {
    return fail(ErrorCode::kUnavailable,
                "cannot listen on " + address + ":" + port + ": " + failed.message());
  }
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
  while (!shared_->stopping && !shared_->draining) {
    Executor home = runtime_.next_io().get_executor();
    auto [failed, socket] = co_await acceptor_.async_accept(home, kToken);
    if (shared_->stopping) break;
    if (!failed) {
      admit(std::move(socket));  // while we drain, too: nobody else has it
      continue;
    }
    if (shared_->draining) break;
    ++shared_->counters.accept_failures;
    pause_.expires_after(kAcceptPause);
    co_await pause_.async_wait(kToken);
  }
}

void Server::State::admit(Socket socket) {
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

// Not by Asio's close, which leaves it to the kernel that nobody hears of the socket any more: the
// kernel does so only when no other process has it either.
void Server::State::close_door() {
  asio::post(executor_, [self = shared_from_this()] {
    boost::system::error_code failed;
    const int socket = self->acceptor_.release(failed);
    if (!failed) ::close(socket);
    self->pause_.cancel();
  });
}

void Server::State::drain() {
  shared_->draining = true;
  close_door();
}

bool Server::State::drained() const {
  const std::lock_guard lock(mutex_);
  return !accepting_ && connections_.empty();
}

bool Server::State::stop(std::chrono::milliseconds grace) {
  shared_->stopping = true;
  close_door();
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
int Server::listener() const {
  return state_->listener();
}
void Server::drain() {
  state_->drain();
}
bool Server::drained() const {
  return state_->drained();
}
bool Server::stop(std::chrono::milliseconds grace) {
  return state_->stop(grace);
}

}  // namespace hone::net
