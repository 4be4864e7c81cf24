// An HTTP/1.1 server: one coroutine per connection, on one thread from beginning to end. A request
// reaches the handler whole and checked (net/guard.h); the answer goes out as the handler makes it.
//
//   Server::Handler handler = [&api](const Request& r, Responder& out) { return api.handle(r, out);
//   }; auto server = Server::listen(runtime, {.address = "127.0.0.1", .port = 0}, handler);
//   ... (*server)->port() ...
//   (*server)->stop(10s);     // lets running handlers finish
//
// The lambda above only forwards; the coroutine is the member function. Request and Responder live
// until the handler's coroutine ends. A handler that throws, or returns without an answer, gives a
// 500.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/async.h"
#include "net/http.h"
#include "net/runtime.h"
#include "net/tls_context.h"

namespace hone::net {

// How a handler answers. Use it from the handler's own coroutine only. A failed call means that the
// client is gone or too slow; the handler then just returns.
class Responder {
 public:
  virtual ~Responder() = default;

  // A whole answer, with its content-length.
  virtual awaitable<Result<void>> send(Response response) = 0;

  // An answer in pieces. `start` sends the head, `write` passes its bytes to the kernel before it
  // returns, `finish` ends the answer. The first and the last piece may go with head and end, so
  // that they need no write of their own. Framed as chunks, or raw where `headers` has a
  // content-length.
  virtual awaitable<Result<void>> start(int status, Headers headers,
                                        std::string_view first = {}) = 0;
  virtual awaitable<Result<void>> write(std::string_view bytes) = 0;
  virtual awaitable<Result<void>> finish(std::string_view last = {}) = 0;
  // Closes the connection so that the client sees a cut answer, not a finished one.
  virtual void abort() = 0;

  [[nodiscard]] virtual bool started() const = 0;
  [[nodiscard]] virtual bool client_gone() const = 0;
  // Called once, on the handler's loop, when the client goes away or the server must end now. Set
  // it to stop what the handler waits for; clear it (nullptr) before what it refers to dies.
  virtual void on_client_gone(std::function<void()> callback) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  TlsContext tls{};        // none: plain HTTP
  std::size_t max_connections = 16'384;
  std::size_t max_header_bytes = 32U << 10;
  std::size_t max_header_fields = 100;
  std::size_t max_body_bytes = 32U << 20;
  std::chrono::milliseconds header_timeout{10'000};  // absolute, from the first byte
  std::chrono::milliseconds body_grace{5'000};       // then at least body_bytes_per_second
  std::size_t body_bytes_per_second = 1024;
  std::chrono::milliseconds write_stall{30'000};   // without any progress
  std::chrono::milliseconds idle_timeout{60'000};  // between requests of a connection
  // A socket that listens already, of the server whose place this one takes: used where it listens
  // on `address` and `port`, closed where not. -1: none.
  int listener = -1;
};

struct ServerCounters {
  std::atomic<std::uint64_t> connections = 0;      // accepted, ever
  std::atomic<std::uint64_t> open = 0;             // now
  std::atomic<std::uint64_t> over_limit = 0;       // turned away by max_connections
  std::atomic<std::uint64_t> requests = 0;         // given to the handler
  std::atomic<std::uint64_t> bad_requests = 0;     // refused before the handler
  std::atomic<std::uint64_t> slow_clients = 0;     // header, body or write deadline passed
  std::atomic<std::uint64_t> tls_failures = 0;     // handshakes that came to nothing
  std::atomic<std::uint64_t> accept_failures = 0;  // EMFILE and the like
};

class Server {
 public:
  // It may take the request's body for itself.
  using Handler = std::function<awaitable<void>(Request&, Responder&)>;

  // Fails with kUnavailable where the port is taken, kInvalid where the address is none.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(Runtime& runtime,
                                                              ServerOptions options,
                                                              Handler handler);
  ~Server();  // stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const ServerCounters& counters() const;

  // For connections from now on, of a server that listens with TLS. From any thread.
  void set_certificate(TlsContext tls);

  // The socket it listens on, for a server of another process that is to take its place.
  [[nodiscard]] int listener() const;
  // Leaves the connections to come to that one. Those that are here get their next answer, which
  // says that it is the last; one that rests stays as long as it would have. From any thread.
  void drain();
  // After drain(): everybody has gone. stop() is still to be called.
  [[nodiscard]] bool drained() const;

  // Stops accepting, closes idle connections, lets running handlers finish within `grace`, then
  // cuts them off. Returns when every connection has ended. Idempotent; not from a runtime thread.
  // True: all finished within the grace.
  bool stop(std::chrono::milliseconds grace);

 private:
  class State;
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hone::net
