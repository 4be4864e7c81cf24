#include "capture/gateway_relay.h"

#include <optional>

#include "capture/gateway_headers.h"
#include "net/content_coding.h"

namespace hone::capture {
namespace {

using std::chrono::steady_clock;

// Stops the upstream's work when nobody waits for its answer any more.
struct Cancellation {
  explicit Cancellation(net::Responder& responder) : out(responder) {
    out.on_client_gone([this] {
      token.cancel();
      if (exchange != nullptr) exchange->cancel();
    });
  }
  ~Cancellation() { out.on_client_gone(nullptr); }
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  net::Responder& out;
  net::CancelToken token;
  net::ClientExchange* exchange = nullptr;
};

RelayFailure failure_of(const Error& error, RelayFailure otherwise) {
  return error.code == ErrorCode::kTimeout ? RelayFailure::kTimeout : otherwise;
}

net::Headers stamped(const net::Headers& received, const RelayStamp& stamp, RelayOutcome& outcome) {
  net::Headers headers = headers_to_client(received);
  outcome.streamed = is_event_stream(received);
  outcome.encoding = net::content_encoding(received);
  outcome.request_id = request_id(received);
  if (outcome.request_id.empty() && !stamp.request_id.empty()) {
    outcome.request_id = stamp.request_id;
    headers.add("request-id", stamp.request_id);
  }
  if (!stamp.interaction_id.empty()) headers.set("x-hone-interaction-id", stamp.interaction_id);
  // Without it, a proxy of nginx's kind before us would hold the stream back.
  if (outcome.streamed) headers.set("x-accel-buffering", "no");
  return headers;
}

void keep(std::string& copy, std::string_view bytes, std::size_t limit) {
  if (copy.size() < limit) copy += bytes.substr(0, limit - copy.size());
}

// Whether a stream says in `bytes` that it has come to its end. Clients take it for the end, though
// the transport's own is still to come. Of an encoded stream nobody can tell.
bool tells_the_end(std::string_view bytes) {
  for (const std::string_view end : {"data: [DONE]", "\"message_stop\"", "\"response.completed\"",
                                     "\"response.incomplete\"", "\"response.failed\""}) {
    if (bytes.find(end) != std::string_view::npos) return true;
  }
  return false;
}

// Passes the rest of the body on, chunk by chunk; `chunk` is what of it has come and not gone out.
// Returns why it did not come to its end.
net::awaitable<RelayFailure> pass_body(net::ClientExchange& exchange, net::Responder& out,
                                       RelayOutcome& outcome, RelayOptions options,
                                       std::string chunk) {
  while (!exchange.finished()) {
    auto next = co_await exchange.read_chunk();
    if (out.client_gone()) co_return RelayFailure::kClientGone;
    if (!next) co_return failure_of(next.error(), RelayFailure::kCut);
    keep(outcome.copy, *next, options.copy_limit);
    const bool last = options.before_end != nullptr && tells_the_end(*next);
    if (chunk.empty()) {
      chunk = std::move(*next);
    } else {
      chunk += *next;
    }
    if (exchange.finished()) break;
    if (last) continue;  // should more follow after all, it goes out with that
    const auto written = co_await out.write(chunk);
    if (!written) co_return RelayFailure::kClientGone;
    chunk.clear();
  }
  if (options.before_end != nullptr) {
    const bool allowed = co_await options.before_end->reached(outcome, outcome.status);
    if (!allowed) co_return RelayFailure::kWithheld;
  }
  const auto finished = co_await out.finish(chunk);
  co_return finished ? RelayFailure::kNone : RelayFailure::kClientGone;
}

}  // namespace

std::string_view name(RelayFailure failure) {
  switch (failure) {
    case RelayFailure::kNone:
      return "";
    case RelayFailure::kUnreachable:
      return "upstream_unreachable";
    case RelayFailure::kTimeout:
      return "upstream_timeout";
    case RelayFailure::kCut:
      return "upstream_cut";
    case RelayFailure::kClientGone:
      return "client_gone";
    case RelayFailure::kDeclined:
      return "upstream_error";
    case RelayFailure::kWithheld:
      return "unrecorded";
  }
  return "";
}

net::awaitable<RelayOutcome> relay(net::Client& client, net::ClientRequest request,
                                   net::Responder& out, RelayStamp stamp, RelayOptions options) {
  RelayOutcome outcome;
  Cancellation cancellation(out);
  const auto start = steady_clock::now();
  auto exchange = co_await client.start(std::move(request), &cancellation.token);
  if (out.client_gone()) {
    outcome.failure = RelayFailure::kClientGone;
    co_return outcome;
  }
  if (!exchange) {
    outcome.failure = failure_of(exchange.error(), RelayFailure::kUnreachable);
    outcome.message = exchange.error().message;
    co_return outcome;
  }
  cancellation.exchange = &*exchange;
  outcome.upstream_status = exchange->status();
  if (options.may_decline && exchange->status() >= 500) {
    outcome.failure = RelayFailure::kDeclined;
    outcome.message = "the upstream answered " + std::to_string(exchange->status());
    co_return outcome;
  }
  outcome.first_byte =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
  net::Headers headers = stamped(exchange->headers(), stamp, outcome);
  // What came with the head goes with the head.
  std::string first = exchange->take_ready();
  keep(outcome.copy, first, options.copy_limit);
  if (options.before_end != nullptr && exchange->finished()) {
    const bool allowed = co_await options.before_end->reached(outcome, exchange->status());
    if (!allowed) {
      outcome.failure = RelayFailure::kWithheld;
      outcome.message = "the call could not be recorded, and nothing passes unrecorded here";
      co_return outcome;
    }
    options.before_end = nullptr;
  }
  std::string held;
  if (options.before_end != nullptr && tells_the_end(first)) held.swap(first);
  const auto started = co_await out.start(exchange->status(), std::move(headers), first);
  if (!started) {
    outcome.failure = RelayFailure::kClientGone;
  } else {
    outcome.status = exchange->status();
    outcome.failure = co_await pass_body(*exchange, out, outcome, options, std::move(held));
  }
  cancellation.exchange = nullptr;
  if (outcome.failure != RelayFailure::kNone) out.abort();
  co_return outcome;
}

}  // namespace hone::capture
