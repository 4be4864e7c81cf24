#include "net/client_exchange.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>

namespace hone::net {
namespace {

using asio::ip::tcp;
using boost::beast::http::error;
constexpr auto kToken = asio::as_tuple(use_awaitable);
// A stream's chunks are small, and there may be a thousand streams; who sends much gets more room.
constexpr std::size_t kFirstReadBytes = 8U << 10;
constexpr std::size_t kReadBytes = 64U << 10;

// Outlives the coroutine that waits for it where the system's resolver takes longer than the
// deadline.
struct Lookup {
  explicit Lookup(const Executor& executor) : resolver(executor) {}
  asio::ip::basic_resolver<tcp, Executor> resolver;
  boost::system::error_code failed = asio::error::timed_out;
  std::vector<tcp::endpoint> endpoints;
};

Error timed_out(const std::string& origin, std::string_view step, std::chrono::milliseconds limit) {
  return {ErrorCode::kTimeout,
          origin + " " + std::string(step) + " within " + std::to_string(limit.count()) + " ms"};
}

}  // namespace

ClientExchange::State::State(std::shared_ptr<Client::Pool> shared_pool, const Executor& executor,
                             const ClientRequest& request)
    : pool_(std::move(shared_pool)),
      executor_(executor),
      origin_(request.url.origin()),
      connect_timeout_(request.connect_timeout),
      first_byte_timeout_(request.first_byte_timeout),
      idle_timeout_(request.idle_timeout),
      room_bytes_(kFirstReadBytes) {}

void ClientExchange::State::close() {
  if (lookup_) lookup_->cancel();
  if (stream) stream->close();
}

awaitable<Result<ClientExchange::State::Endpoints>> ClientExchange::State::resolve(const Url& url) {
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(url.host, failed);
  if (!failed) co_return Endpoints{tcp::endpoint(address, url.port)};
  auto lookup = std::make_shared<Lookup>(executor_);
  auto timer = std::make_shared<Timer>(executor_, connect_timeout_);
  lookup->resolver.async_resolve(
      url.host, std::to_string(url.port),
      [lookup, timer](boost::system::error_code code, const tcp::resolver::results_type& found) {
        lookup->failed = code;
        for (const auto& entry : found) lookup->endpoints.push_back(entry.endpoint());
        timer->cancel();
      });
  lookup_ = timer;
  const auto [woken] = co_await timer->async_wait(kToken);
  lookup_ = nullptr;
  if (!woken) co_return fail(timed_out(origin_, "could not be looked up", connect_timeout_));
  if (lookup->failed) {
    co_return fail(ErrorCode::kUnavailable, origin_ + ": " + lookup->failed.message());
  }
  co_return std::move(lookup->endpoints);
}

awaitable<Result<void>> ClientExchange::State::connect(const Url& url) {
  const auto endpoints = co_await resolve(url);
  if (!endpoints) co_return fail(endpoints.error());
  asio::ssl::context* tls = nullptr;
  if (url.tls()) {
    const auto context = pool_->tls();
    if (!context) co_return fail(context.error());
    tls = *context;
  }
  stream = std::make_unique<Stream>(executor_);
  stream->watchdog().arm(connect_timeout_);
  auto failed = co_await stream->connect(*endpoints);
  if (!failed && tls != nullptr) failed = co_await stream->secure(*tls, url.host);
  stream->watchdog().disarm();
  if (expired()) {
    co_return fail(timed_out(origin_, "could not be connected to", connect_timeout_));
  }
  if (failed) {
    co_return fail(ErrorCode::kUnavailable,
                   "cannot connect to " + origin_ + ": " + failed.message());
  }
  co_return Result<void>();
}

awaitable<Result<void>> ClientExchange::State::ask(const std::string& head,
                                                   const ClientRequest& request) {
  stream->watchdog().arm(first_byte_timeout_);
  // A server may answer and close before it has read a large body: a failed write is no verdict
  // yet.
  const auto unsent = co_await stream->write_all(head, request.body_pieces());
  static_cast<void>(unsent);
  auto answered = co_await read_head(request.method == "HEAD");
  if (stream) stream->watchdog().disarm();  // else the answer is whole, and the stream rests
  if (!answered && expired()) {
    co_return fail(timed_out(origin_, "did not answer", first_byte_timeout_));
  }
  co_return answered;
}

asio::mutable_buffer ClientExchange::State::room() {
  return buffer_.prepare(room_bytes_);
}

void ClientExchange::State::took(std::size_t bytes) {
  buffer_.commit(bytes);
  if (bytes == room_bytes_) room_bytes_ = std::min(2 * room_bytes_, kReadBytes);
}

// The length of the head in the buffer, with its empty line.
awaitable<Result<std::size_t>> ClientExchange::State::find_head() {
  std::size_t searched = 0;
  while (true) {
    const auto data = buffer_.data();
    const std::string_view text(static_cast<const char*>(data.data()), data.size());
    const auto end = text.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
    if (end != std::string_view::npos) co_return end + 4;
    searched = text.size();
    if (searched >= pool_->options().max_header_bytes) {
      co_return fail(ErrorCode::kIo, origin_ + " answered with too long a head");
    }
    const auto [failed, bytes] = co_await stream->read_some(room());
    took(bytes);
    if (failed) {
      const auto code = buffer_.size() == 0 ? ErrorCode::kUnavailable : ErrorCode::kIo;
      co_return fail(code, origin_ + " closed the connection before it answered");
    }
  }
}

Result<void> ClientExchange::State::parse_head(std::size_t size, bool is_head) {
  const std::string_view head(static_cast<const char*>(buffer_.data().data()), size);
  const HeadLimits limits{.bytes = pool_->options().max_header_bytes, .fields = 256};
  if (const auto checked = check_response_head(head, limits); !checked) {
    return fail(ErrorCode::kIo, origin_ + " answered malformed HTTP: " + checked.error().message);
  }
  parser = std::make_unique<Parser>();
  parser->header_limit(static_cast<std::uint32_t>(limits.bytes));
  parser->body_limit(boost::none);
  if (is_head) parser->skip(true);
  boost::beast::error_code failed;
  buffer_.consume(parser->put(asio::buffer(head.data(), head.size()), failed));
  if (failed || !parser->is_header_done()) {
    return fail(ErrorCode::kIo, origin_ + " answered malformed HTTP: " + failed.message());
  }
  parser->eager(true);
  return {};
}

awaitable<Result<void>> ClientExchange::State::read_head(bool is_head) {
  while (true) {
    const auto size = co_await find_head();
    if (!size) co_return fail(size.error());
    if (auto parsed = parse_head(*size, is_head); !parsed) co_return parsed;
    if (parser->status == 101) {
      co_return fail(ErrorCode::kIo, origin_ + " changed the protocol unasked");
    }
    if (parser->status >= 200) break;  // 1xx: the answer is still to come
  }
  if (parser->is_done()) release();
  co_return Result<void>();
}

Result<void> ClientExchange::State::parse_body() {
  if (!done && parsed_ && buffer_.size() > 0) parsed_ = parse_buffer();
  if (parsed_ && !done && parser->is_done()) release();
  return parsed_;
}

Result<void> ClientExchange::State::parse_buffer() {
  boost::beast::error_code failed;
  buffer_.consume(parser->put(buffer_.data(), failed));
  if (failed && failed != error::need_more) {
    return fail(ErrorCode::kIo, origin_ + " answered malformed HTTP: " + failed.message());
  }
  if (!parser->is_done() && buffer_.size() > pool_->options().max_header_bytes) {
    return fail(ErrorCode::kIo, origin_ + " answered a malformed chunk");
  }
  return {};
}

// A fault in it is told by the next read_chunk.
std::string ClientExchange::State::take_ready() {
  const auto parsed = parse_body();
  static_cast<void>(parsed);
  return std::exchange(parser->body, {});
}

awaitable<Result<std::string>> ClientExchange::State::read_chunk() {
  while (!done) {
    if (const auto parsed = parse_body(); !parsed) {
      close();
      co_return fail(parsed.error());
    }
    if (done || !parser->body.empty()) break;
    stream->watchdog().arm(idle_timeout_);
    const auto [failed, bytes] = co_await stream->read_some(room());
    took(bytes);
    stream->watchdog().disarm();
    if (!failed) continue;
    boost::beast::error_code cut = error::partial_message;
    if (failed == asio::error::eof) parser->put_eof(cut);
    if (!cut) {
      release();
      break;
    }
    close();
    if (expired()) co_return fail(timed_out(origin_, "sent nothing more", idle_timeout_));
    co_return fail(ErrorCode::kIo, origin_ + " cut the answer short");
  }
  co_return std::exchange(parser->body, {});
}

// The answer is complete: the connection may serve the next request.
void ClientExchange::State::release() {
  done = true;
  if (parser->keep_alive() && buffer_.size() == 0) {
    stream->watchdog().disarm();
    pool_->put(executor_, origin_, std::move(stream));
  } else {
    close();
  }
}

}  // namespace hone::net
