// An HTTP/1.1 client with a pool of kept-alive connections per origin and thread. Bytes of an
// answer are handed out as they arrive. Every step has a deadline. Thread-safe; an exchange belongs
// to one coroutine. It is destroyed before the event loops on which it was used.
//
//   ClientRequest request{.method = "POST", .url = url, .body = text};
//   auto exchange = co_await client.start(std::move(request));
//   if (!exchange) ...                                  // kUnavailable: no connection; kTimeout
//   while (true) {
//     auto chunk = co_await exchange->read_chunk();
//     if (!chunk || chunk->empty()) break;              // an error, or the end of the answer
//   }
//
// (g++ 12 destroys a brace-made temporary twice within a co_await expression: name it first.)
// A command without coroutines of its own uses `fetch_blocking`.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/async.h"
#include "net/http.h"
#include "net/url.h"

namespace hone::net {

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;  // host and content-length are added
  std::string body;
  // Instead of `body`: its pieces, which stay where they are until `start` has returned.
  std::array<std::string_view, 3> pieces{};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_byte_timeout{
      600'000};                                     // from the request sent to the answer's head
  std::chrono::milliseconds idle_timeout{180'000};  // between bytes of the answer
  // A kept-alive connection may have been closed by the other side while the request was on its
  // way. It is sent once more, on a new connection, where no byte of an answer came; a method other
  // than GET, HEAD, PUT and DELETE only where the caller says so.
  bool safe_to_resend = false;

  [[nodiscard]] std::array<std::string_view, 3> body_pieces() const {
    return body.empty() ? pieces : std::array<std::string_view, 3>{body};
  }
};

class ClientExchange {
 public:
  ClientExchange(ClientExchange&&) noexcept;
  ClientExchange& operator=(ClientExchange&&) noexcept;
  ~ClientExchange();  // an answer not read to its end closes the connection

  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;
  // What of the body came with what has been read already: for who has something to send along
  // with it. "" where it is still to come.
  [[nodiscard]] std::string take_ready();
  // Nothing is left to read: `read_chunk` would return "".
  [[nodiscard]] bool finished() const;
  // The next bytes of the body, as soon as there are any, without chunk framing; "" at the end.
  // kIo: the answer was cut short. kTimeout: idle too long.
  [[nodiscard]] awaitable<Result<std::string>> read_chunk();
  // Closes the connection; a read in progress fails. On the same loop.
  void cancel();

 private:
  friend class Client;
  struct State;
  explicit ClientExchange(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ClientOptions {
  std::size_t max_idle_per_origin = 512;  // of each thread
  std::chrono::milliseconds keep_idle{20'000};
  std::size_t max_header_bytes = 64U << 10;
  std::string ca_file;  // besides the system's own
};

// Lets a caller stop `Client::start` before it has given an exchange. On the caller's loop.
class CancelToken {
 public:
  void cancel();
  [[nodiscard]] bool cancelled() const { return cancelled_; }

 private:
  friend class Client;
  bool cancelled_ = false;
  std::function<void()> close_;
};

class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Returns when the head of the answer is there. kUnavailable: no connection (nothing was sent, or
  // the other side closed before it answered); kTimeout: names the step; kIo: what came is no HTTP.
  [[nodiscard]] awaitable<Result<ClientExchange>> start(ClientRequest request,
                                                        CancelToken* cancel = nullptr);
  // A whole answer of at most `max_bytes`, within `timeout`.
  [[nodiscard]] awaitable<Result<Response>> fetch(ClientRequest request,
                                                  std::chrono::milliseconds timeout,
                                                  std::size_t max_bytes = 32U << 20);

 private:
  friend class ClientExchange;
  class Pool;
  std::shared_ptr<Pool> pool_;
};

// One call for command-line code and tests: blocks the calling thread for at most `timeout`.
[[nodiscard]] Result<Response> fetch_blocking(ClientRequest request,
                                              std::chrono::milliseconds timeout,
                                              std::size_t max_bytes = 64U << 20);

}  // namespace hone::net
