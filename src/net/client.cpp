#include "net/client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "net/client_exchange.h"

namespace hone::net {
namespace {

bool may_resend(const ClientRequest& request) {
  if (request.safe_to_resend) return true;
  const auto& method = request.method;
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

Result<std::string> request_head(const ClientRequest& request) {
  Headers headers;
  headers.add("Host", request.url.authority());
  for (const auto& field : request.headers) {
    const bool ours = same_name(field.name, "host") || same_name(field.name, "content-length") ||
                      same_name(field.name, "transfer-encoding") ||
                      same_name(field.name, "connection");
    if (!ours) headers.add(field.name, field.value);
  }
  const bool bodiless = request.method == "GET" || request.method == "HEAD";
  std::size_t size = 0;
  for (const auto piece : request.body_pieces()) size += piece.size();
  if (size > 0 || !bodiless) headers.add("Content-Length", std::to_string(size));
  auto block = header_block(headers);
  if (!block) return fail(block.error());
  if (request.url.target.find_first_of(std::string_view(" \r\n\0", 4)) != std::string::npos) {
    return fail(ErrorCode::kInvalid, "the path of a request holds a blank or a line break");
  }
  return request.method + " " + request.url.target + " HTTP/1.1\r\n" + *block;
}

}  // namespace

ClientExchange::ClientExchange(std::unique_ptr<State> state) : state_(std::move(state)) {}
ClientExchange::ClientExchange(ClientExchange&&) noexcept = default;
ClientExchange& ClientExchange::operator=(ClientExchange&&) noexcept = default;
ClientExchange::~ClientExchange() = default;

int ClientExchange::status() const {
  return state_->parser->status;
}
const Headers& ClientExchange::headers() const {
  return state_->parser->headers;
}
void ClientExchange::cancel() {
  state_->close();
}
std::string ClientExchange::take_ready() {
  return state_->take_ready();
}
bool ClientExchange::finished() const {
  return state_->done && state_->parser->body.empty();
}
awaitable<Result<std::string>> ClientExchange::read_chunk() {
  return state_->read_chunk();
}

void CancelToken::cancel() {
  cancelled_ = true;
  if (close_) close_();
}

Client::Client(ClientOptions options) : pool_(std::make_shared<Pool>(std::move(options))) {}
Client::~Client() = default;

awaitable<Result<ClientExchange>> Client::start(ClientRequest request, CancelToken* cancel) {
  const auto head = request_head(request);
  if (!head) co_return fail(head.error());
  const auto executor = co_await asio::this_coro::executor;
  const std::string origin = request.url.origin();
  CancelToken unused;
  CancelToken& token = cancel == nullptr ? unused : *cancel;
  for (bool fresh = false;; fresh = true) {
    if (token.cancelled()) co_return fail(ErrorCode::kUnavailable, "cancelled");
    auto state = std::make_unique<ClientExchange::State>(pool_, executor, request);
    token.close_ = [raw = state.get()] { raw->close(); };
    Result<void> outcome;
    if (!fresh) state->stream = pool_->take(executor, origin);
    const bool reused = state->stream != nullptr;
    if (!reused) outcome = co_await state->connect(request.url);
    if (outcome) outcome = co_await state->ask(*head, request);
    token.close_ = nullptr;
    if (token.cancelled()) co_return fail(ErrorCode::kUnavailable, "cancelled");
    if (outcome) co_return ClientExchange(std::move(state));
    const bool nothing_came = outcome.error().code == ErrorCode::kUnavailable;
    if (!reused || !nothing_came || !may_resend(request)) co_return fail(outcome.error());
  }
}

awaitable<Result<Response>> Client::fetch(ClientRequest request, std::chrono::milliseconds timeout,
                                          std::size_t max_bytes) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string late =
      request.url.origin() + " took longer than " + std::to_string(timeout.count()) + " ms";
  CancelToken token;
  Watchdog watchdog(executor, [&token] { token.cancel(); });
  watchdog.arm(timeout);
  auto exchange = co_await start(std::move(request), &token);
  if (watchdog.expired()) co_return fail(ErrorCode::kTimeout, late);
  if (!exchange) co_return fail(exchange.error());
  // From here on the token's work is to close the exchange.
  token.close_ = [&exchange] { exchange->cancel(); };
  Response response;
  response.status = exchange->status();
  response.headers = exchange->headers();
  while (true) {
    const auto chunk = co_await exchange->read_chunk();
    if (watchdog.expired()) co_return fail(ErrorCode::kTimeout, late);
    if (!chunk) co_return fail(chunk.error());
    if (chunk->empty()) co_return response;
    if (response.body.size() + chunk->size() > max_bytes) {
      co_return fail(ErrorCode::kTooLarge,
                     "the answer is longer than " + std::to_string(max_bytes) + " bytes");
    }
    response.body += *chunk;
  }
}

Result<Response> fetch_blocking(ClientRequest request, std::chrono::milliseconds timeout,
                                std::size_t max_bytes) {
  asio::io_context io;
  Client client;
  Result<Response> answer = fail(ErrorCode::kInternal, "the call did not end");
  asio::co_spawn(io.get_executor(), client.fetch(std::move(request), timeout, max_bytes),
                 [&](const std::exception_ptr& failed, Result<Response> result) {
                   if (!failed) answer = std::move(result);
                   io.stop();  // a connection that rests would keep it waiting
                 });
  io.run();
  return answer;
}

}  // namespace hone::net
