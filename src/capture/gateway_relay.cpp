#include "capture/gateway_relay.h"

#include <optional>

#include "capture/gateway_headers.h"
#include "capture/gateway_translation.h"
#include "capture/limits_answer.h"
#include "net/content_coding.h"

namespace hone::capture {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kWholeAnswerBytes = 32U << 20;  // of one that is translated
constexpr const char* kUnrecorded =
    "the call could not be recorded, and nothing passes unrecorded here";

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

// The answer in pieces, each as soon as it has come, in the client's words: as they are or, with a
// translator, as far as they can be said. Returns why it did not come to its end.
net::awaitable<RelayFailure> pass_on(net::ClientExchange& exchange, net::Responder& out,
                                     net::Headers headers, RelayOutcome& outcome,
                                     RelayOptions options) {
  auto* translator = options.translator;
  const auto over = [&] {
    return exchange.finished() || (translator != nullptr && translator->failed());
  };
  const auto said = [&](std::string came) {
    if (translator != nullptr) {
      came = translator->feed(came);
      if (exchange.finished() && !translator->failed()) came += translator->finish();
    }
    keep(outcome.copy, came, options.copy_limit);
    return came;
  };
  // What came with the head goes with the head; where that is all, nothing has gone out before the
  // end.
  std::string held = said(exchange.take_ready());  // what has not gone out
  if (options.before_end != nullptr && over()) {
    const bool allowed = co_await options.before_end->reached(outcome, exchange.status());
    if (!allowed) {
      outcome.message = kUnrecorded;
      co_return RelayFailure::kWithheld;
    }
    options.before_end = nullptr;
  }
  std::string first;
  if (options.before_end == nullptr || !tells_the_end(held)) first.swap(held);
  const auto started = co_await out.start(exchange.status(), std::move(headers), first);
  if (!started) co_return RelayFailure::kClientGone;
  outcome.status = exchange.status();
  while (!over()) {
    auto next = co_await exchange.read_chunk();
    if (out.client_gone()) co_return RelayFailure::kClientGone;
    if (!next) co_return failure_of(next.error(), RelayFailure::kCut);
    std::string piece = said(std::move(*next));
    const bool last = options.before_end != nullptr && tells_the_end(piece);
    if (held.empty()) {
      held.swap(piece);
    } else {
      held += piece;
    }
    // Should more follow after the last one after all, that goes out with what follows.
    if (held.empty() || last || over()) continue;
    const auto written = co_await out.write(held);
    if (!written) co_return RelayFailure::kClientGone;
    held.clear();
  }
  if (options.before_end != nullptr) {
    const bool allowed = co_await options.before_end->reached(outcome, outcome.status);
    if (!allowed) co_return RelayFailure::kWithheld;
  }
  const auto finished = co_await out.finish(held);
  co_return finished ? RelayFailure::kNone : RelayFailure::kClientGone;
}

// An answer that is translated when it is all there. Where it breaks off, nothing has been sent,
// and the caller answers.
net::awaitable<RelayFailure> pass_translated_whole(net::ClientExchange& exchange,
                                                   net::Responder& out, net::Headers headers,
                                                   RelayOutcome& outcome, RelayOptions options) {
  std::string body = exchange.take_ready();
  while (!exchange.finished()) {
    auto next = co_await exchange.read_chunk();
    if (out.client_gone()) co_return RelayFailure::kClientGone;
    if (!next) {
      outcome.message = next.error().message;
      co_return failure_of(next.error(), RelayFailure::kCut);
    }
    if (body.size() + next->size() > kWholeAnswerBytes) {
      outcome.message = "the upstream's answer is larger than this gateway translates";
      co_return RelayFailure::kCut;
    }
    body += *next;
  }
  if (!outcome.encoding.empty()) {
    // No coding was asked for; some send one all the same.
    auto decoded = net::decode_content(outcome.encoding, body, kWholeAnswerBytes);
    body = decoded && decoded->whole ? std::move(decoded->body) : std::string();
    outcome.encoding.clear();
  }
  auto whole = options.translator->whole(exchange.status(), body);
  outcome.streamed = whole.event_stream;
  keep(outcome.copy, whole.body, options.copy_limit);
  if (options.before_end != nullptr) {
    const bool allowed = co_await options.before_end->reached(outcome, whole.status);
    if (!allowed) {
      outcome.message = kUnrecorded;
      co_return RelayFailure::kWithheld;
    }
  }
  headers.set("content-type", whole.event_stream ? "text/event-stream" : "application/json");
  net::Response response{whole.status, std::move(headers), std::move(whole.body)};
  const int status = response.status;
  const auto sent = co_await out.send(std::move(response));
  if (!sent) co_return RelayFailure::kClientGone;
  outcome.status = status;
  co_return RelayFailure::kNone;
}

// The way that an answer takes to the client.
net::awaitable<RelayFailure> answer(net::ClientExchange& exchange, net::Responder& out,
                                    net::Headers headers, RelayOutcome& outcome,
                                    RelayOptions options) {
  bool in_pieces = true;
  if (options.translator != nullptr) {
    const auto& plan = options.translator->plan();
    headers = translated_answer_headers(headers, plan.client, outcome.request_id);
    in_pieces =
        plan.streamed && outcome.streamed && outcome.encoding.empty() && exchange.status() < 300;
  }
  if (options.limits != nullptr) options.limits->put(headers);
  if (in_pieces) {
    co_return co_await pass_on(exchange, out, std::move(headers), outcome, options);
  }
  co_return co_await pass_translated_whole(exchange, out, std::move(headers), outcome, options);
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
  outcome.failure = co_await answer(*exchange, out, std::move(headers), outcome, options);
  cancellation.exchange = nullptr;
  const bool begun = outcome.status != 0 || outcome.failure == RelayFailure::kClientGone;
  if (outcome.failure != RelayFailure::kNone && begun) out.abort();
  co_return outcome;
}

}  // namespace hone::capture
