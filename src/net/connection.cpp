#include "net/connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "base/log.h"

namespace hone::net {
namespace {

// How long a client may take to say goodbye, and how often a handler's client is looked for.
constexpr auto kGoodbyeTime = std::chrono::milliseconds(1'000);
constexpr auto kLook = std::chrono::milliseconds(250);

std::string peer_text(const Socket& socket) {
  boost::system::error_code failed;
  const auto endpoint = socket.remote_endpoint(failed);
  if (failed) return {};
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

// IMF-fixdate (RFC 9110, section 5.6.7).
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text.data();
}

std::string chunk_head(std::size_t size) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  return std::string(digits.data(), end) + "\r\n";
}

bool has_no_body(const std::string& method, int status) {
  return method == "HEAD" || status == 204 || status == 304;
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<ServerShared> shared)
    : shared_(std::move(shared)),
      socket_(std::move(socket), shared_->tls()),
      watchdog_(socket_.executor(), [this] { close(); }),
      reader_(socket_, watchdog_, shared_->options, shared_->counters),
      peer_(peer_text(socket_.transport())),
      watch_(socket_.executor()) {}

awaitable<void> Connection::run() {
  bool more = true;
  if (socket_.is_tls()) more = co_await secure();
  while (more)
    more = co_await serve_one();  // in the condition itself, g++ 12 compiles it to a trap
  if (socket_.is_tls() && socket_.is_open()) {
    watchdog_.arm(kGoodbyeTime);
    const auto ignored = co_await socket_.say_goodbye();
    static_cast<void>(ignored);
    watchdog_.disarm();
  }
  close();
}

awaitable<bool> Connection::secure() {
  watchdog_.arm(shared_->options.header_timeout);
  const auto failed = co_await socket_.handshake();
  watchdog_.disarm();
  if (!failed) co_return true;
  ++shared_->counters.tls_failures;
  close();  // there is nobody whom one could say goodbye to
  co_return false;
}

awaitable<bool> Connection::serve_one() {
  if (shared_->stopping) co_return false;
  auto next = co_await reader_.next();
  if (!next) {
    if (next.error().status != 0) co_await refuse(next.error());
    co_return false;
  }
  incoming_ = std::move(*next);
  incoming_.request.peer = peer_;
  state_ = State::kWaiting;
  keep_alive_ = incoming_.keep_alive;
  ++shared_->counters.requests;
  co_await run_handler();
  const bool answered = state_ == State::kFinished && socket_.is_open();
  const bool more = answered && keep_alive_ && !shared_->stopping;
  co_return more;
}

awaitable<void> Connection::refuse(const Refusal& refusal) {
  incoming_ = {};
  state_ = State::kWaiting;
  keep_alive_ = false;
  Response response = error_response({ErrorCode::kInvalid, refusal.message});
  response.status = refusal.status;
  const auto sent = co_await send(std::move(response));
  if (!sent) co_return;
  boost::system::error_code ignored;
  if (!socket_.is_tls()) {
    socket_.transport().shutdown(Socket::shutdown_send, ignored);
  }
  co_await reader_.drain();
}

awaitable<void> Connection::run_handler() {
  in_handler_ = true;
  watch_client();
  try {
    co_await shared_->handler(incoming_.request, *this);
  } catch (const std::exception& e) {
    spdlog::error("a handler failed: {}", e.what());
  }
  in_handler_ = false;
  on_gone_ = nullptr;
  if (gone_) {
    close();
  } else if (state_ == State::kWaiting) {
    Response response = error_response({ErrorCode::kInternal, "no answer was made"});
    const auto sent = co_await send(std::move(response));
    if (!sent) close();
  } else if (state_ == State::kStarted) {
    close();  // cut short, and to be seen as such
  }
}

// Notices that the client goes away while the handler works. Most answers come before the first
// look: waiting for the connection's end instead would cost each of them a call to the system and a
// cancelled wait. One wait serves the requests that come and go meanwhile.
void Connection::watch_client() {
  if (watching_) return;
  watching_ = true;
  watch_.expires_after(kLook);
  watch_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
    self->watching_ = false;
    if (stopped || !self->in_handler_) return;
    if (self->client_ended()) return self->note_gone();
    self->watch_client();
  });
}

// Bytes instead of an end are its next request. In TLS an end is announced, and the bytes of that
// lie before it; so do tickets and the like.
bool Connection::client_ended() {
  if (socket_.is_tls()) return socket_.half_closed();
  char byte = 0;
  const auto got = ::recv(socket_.transport().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void Connection::note_gone() {
  gone_ = true;
  if (in_handler_ && on_gone_) std::exchange(on_gone_, nullptr)();
}

void Connection::close() {
  socket_.close();
  watch_.cancel();
  if (in_handler_) note_gone();
}

void Connection::end(bool now) {
  asio::post(socket_.executor(), [self = shared_from_this(), now] {
    if (now || self->reader_.idle()) self->close();
  });
}

// The head of an answer as text, and how its body will be framed.
Result<std::string> Connection::begin(int status, Headers headers,
                                      std::optional<std::size_t> length) {
  HONE_ASSERT(state_ == State::kWaiting);
  for (const auto* name : {"connection", "keep-alive", "transfer-encoding"}) headers.remove(name);
  if (const auto* given = headers.find("content-length"); given != nullptr && !length) {
    std::size_t value = 0;
    const auto* end = given->data() + given->size();
    if (std::from_chars(given->data(), end, value).ptr != end) {
      return fail(ErrorCode::kInternal, "content-length is not a number");
    }
    length = value;
  }
  if (shared_->stopping || shared_->draining) keep_alive_ = false;
  if (has_no_body(incoming_.request.method, status)) {
    framing_ = Framing::kNone;
  } else if (length) {
    framing_ = Framing::kLength;
    remaining_ = *length;
    headers.set("content-length", std::to_string(*length));
  } else if (incoming_.http_1_0) {
    framing_ = Framing::kUntilClose;
    keep_alive_ = false;
  } else {
    framing_ = Framing::kChunked;
    headers.add("transfer-encoding", "chunked");
  }
  if (!keep_alive_) headers.add("connection", "close");
  if (!headers.has("date")) headers.add("date", http_date());
  auto block = header_block(headers);
  if (!block) return fail(block.error());
  state_ = State::kStarted;
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n" +
         *block;
}

awaitable<Result<void>> Connection::send(Response response) {
  auto head = begin(response.status, std::move(response.headers), response.body.size());
  if (!head) co_return fail(head.error());
  std::string_view body = framing_ == Framing::kNone ? std::string_view() : response.body;
  auto written = co_await write_all(*head, body, {});
  if (written) state_ = State::kFinished;
  co_return written;
}

awaitable<Result<void>> Connection::start(int status, Headers headers, std::string_view first) {
  auto head = begin(status, std::move(headers), std::nullopt);
  if (!head) co_return fail(head.error());
  co_return co_await write_framed(std::move(*head), first, false);
}

awaitable<Result<void>> Connection::write(std::string_view bytes) {
  HONE_ASSERT(state_ == State::kStarted);
  return write_framed(std::string(), bytes, false);
}

awaitable<Result<void>> Connection::finish(std::string_view last) {
  HONE_ASSERT(state_ == State::kStarted);
  std::string nothing;
  auto written = co_await write_framed(std::move(nothing), last, true);
  if (written && framing_ == Framing::kLength && remaining_ > 0) {
    close();
    co_return fail(ErrorCode::kInternal, "an answer is shorter than its content-length");
  }
  if (written) state_ = State::kFinished;
  co_return written;
}

// One piece of an answer in its frame, and, with `last`, the answer's end; `before` goes out first.
awaitable<Result<void>> Connection::write_framed(std::string before, std::string_view bytes,
                                                 bool last) {
  if (framing_ == Framing::kNone) bytes = {};
  std::string_view after;
  if (framing_ == Framing::kChunked) {
    if (!bytes.empty()) before += chunk_head(bytes.size());
    after = bytes.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
  }
  if (framing_ == Framing::kLength) {
    if (bytes.size() > remaining_) {
      close();
      co_return fail(ErrorCode::kInternal, "an answer is longer than its content-length");
    }
    remaining_ -= bytes.size();
  }
  co_return co_await write_all(before, bytes, after);
}

awaitable<Result<void>> Connection::write_all(std::string_view first, std::string_view second,
                                              std::string_view third) {
  ServerSocket::Parts parts = {asio::buffer(first.data(), first.size()),
                               asio::buffer(second.data(), second.size()),
                               asio::buffer(third.data(), third.size())};
  std::size_t left = first.size() + second.size() + third.size();
  while (left > 0) {
    if (!socket_.is_open()) co_return fail(ErrorCode::kIo, "the client is gone");
    watchdog_.arm(shared_->options.write_stall);
    const auto [failed, bytes] = co_await socket_.write_some(parts);
    watchdog_.disarm();
    if (failed) {
      if (watchdog_.expired()) ++shared_->counters.slow_clients;
      close();
      co_return fail(ErrorCode::kIo, "the client is gone");
    }
    left -= bytes;
    std::size_t skip = bytes;
    for (auto& part : parts) {
      const std::size_t step = std::min(skip, part.size());
      part += step;
      skip -= step;
    }
  }
  co_return Result<void>();
}

}  // namespace hone::net
