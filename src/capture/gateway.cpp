#include "capture/gateway.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "capture/gateway_headers.h"
#include "capture/gateway_relay.h"
#include "capture/limits_answer.h"

namespace hone::capture {
namespace {

constexpr std::size_t kAnswerCopyBytes = 32U << 20;
constexpr const char* kFullRetryAfter = "10";  // seconds, until a full outbox may have room again

// The format whose clients will read our errors.
wire::Format format_of(const net::Request& request) {
  const auto path = request.path();
  if (path.starts_with("/v1/messages") || request.headers.has("anthropic-version")) {
    return wire::Format::kAnthropicMessages;
  }
  return path.starts_with("/v1/responses") ? wire::Format::kOpenAIResponses
                                           : wire::Format::kOpenAIChat;
}

bool is_one_of(std::string_view path, std::initializer_list<std::string_view> known) {
  return std::find(known.begin(), known.end(), path) != known.end();
}

// Nothing has gone to the client, and it is still there.
bool unanswered(const RelayOutcome& outcome) {
  return outcome.status == 0 && outcome.failure != RelayFailure::kClientGone;
}

// What the client gets where the relay could not answer.
int failure_status(const RelayOutcome& outcome) {
  if (outcome.failure == RelayFailure::kTimeout) return 504;
  return outcome.failure == RelayFailure::kWithheld ? 503 : 502;
}

void take_target(const Route& route, const Upstream& upstream, store::Interaction& facts) {
  facts.alias = route.alias;
  facts.arm = route.arm;
  facts.release = route.release;
  facts.propensity = route.propensity;
  facts.model = route.model;
  facts.upstream = upstream.name;
  facts.trainable = route.trainable && upstream.trainable;
}

}  // namespace

bool Gateway::handles(const net::Request& request) {
  return request.method == "HEAD" || request.path().starts_with("/v1/");
}

net::awaitable<void> Gateway::handle(net::Request& request, net::Responder& out) {
  ++counters_.requests;
  ++counters_.in_flight;
  const int status = co_await dispatch(request, out);
  --counters_.in_flight;
  if (status >= 500) {
    ++counters_.answered_5xx;
  } else if (status >= 400) {
    ++counters_.answered_4xx;
  } else if (status >= 300) {
    ++counters_.answered_3xx;
  } else if (status >= 200) {
    ++counters_.answered_2xx;
  }
}

net::awaitable<int> Gateway::dispatch(net::Request& request, net::Responder& out) {
  const auto path = request.path();
  const auto format = format_of(request);
  if (request.method == "HEAD") {
    net::Response empty;
    co_return co_await send(out, std::move(empty));
  }
  // Others (Java's "h2c") offer an upgrade and are content without.
  if (net::same_name(request.headers.get("upgrade"), "websocket")) {
    co_return co_await refuse(out, format, 426, "this server speaks HTTP only, no WebSocket");
  }
  auto identity = identify(request);
  if (!identity) {
    co_return co_await refuse(out, format, 401,
                              "no known API key: send 'x-api-key: KEY' or 'Authorization: Bearer "
                              "KEY' with a key from `hone key create`");
  }
  const bool is_post = request.method == "POST";
  const bool understood =
      is_one_of(path, {"/v1/chat/completions", "/v1/messages", "/v1/responses"});
  const bool routed =
      understood || is_one_of(path, {"/v1/messages/count_tokens", "/v1/responses/input_tokens",
                                     "/v1/responses/compact"});
  if (is_post && understood && parts_.limits != nullptr) {
    auto admitted = parts_.limits->admit(identity->caller);
    if (!admitted) {
      auto headers = limit_headers(admitted.error(), format, parts_.clock.now());
      co_return co_await refuse(out, format, 429, std::move(admitted.error().message),
                                std::move(headers));
    }
    identity->accounts = *admitted;
  }
  if (is_post && routed) {
    const bool recorded =
        understood && level_of(identity->caller) != people::CaptureLevel::kNothing;
    co_return co_await model_call(request, out, *identity, format, recorded);
  }
  if (request.method == "GET" && path == "/v1/models") {
    net::Response models = co_await list_models(request, *identity, format);
    co_return co_await send(out, std::move(models));
  }
  co_return co_await pass_through(request, out, *identity, format);
}

// For an answer of our own.
net::Headers Gateway::told_limits(const Identity& identity, wire::Format format) const {
  net::Headers headers;
  if (identity.accounts.any()) LimitNotice(parts_.clock, identity.accounts, format).put(headers);
  return headers;
}

people::CaptureLevel Gateway::level_of(const people::Caller& caller) const {
  return capture_policy_.get().level(caller.team_name);
}

std::optional<Gateway::Identity> Gateway::identify(const net::Request& request) const {
  const std::string key = caller_key(request.headers);
  if (!key.empty()) {
    if (auto caller = parts_.directory.find_key(key)) return Identity{*caller, key};
  }
  if (!parts_.open) return std::nullopt;
  return Identity{};
}

net::awaitable<int> Gateway::model_call(net::Request& request, net::Responder& out,
                                        const Identity& identity, wire::Format format,
                                        bool recorded) {
  if (recorded && parts_.recorder.must_refuse()) {
    net::Headers headers = told_limits(identity, format);
    headers.add("retry-after", kFullRetryAfter);
    co_return co_await refuse(out, format, 503,
                              "calls cannot be recorded now, and none passes unrecorded here; try "
                              "again, and tell who runs this gateway: its outbox is full or fenced",
                              std::move(headers));
  }
  if (recorded) co_await parts_.recorder.wait_for_room();
  auto prepared = prepare(request, identity, format, recorded);
  if (!prepared) {
    const int status = net::http_status(prepared.error().code);
    net::Headers headers = told_limits(identity, format);
    co_return co_await refuse(out, format, status, prepared.error().message, std::move(headers));
  }
  co_return co_await exchange(request, out, identity, format, std::move(*prepared));
}

// Puts a call's record on disk before its answer ends, where the settings ask for that.
class Gateway::DurableEnd final : public BeforeEnd {
 public:
  DurableEnd(Gateway& gateway, FinishedCall& call, Outgoing& outgoing)
      : gateway_(gateway), call_(call), outgoing_(outgoing) {}
  net::awaitable<bool> reached(RelayOutcome& outcome, int status) override {
    was_reached_ = true;
    gateway_.close_call(call_, outgoing_, outcome, status);
    auto& recorder = gateway_.parts_.recorder;
    const auto synced = co_await recorder.finish_synced(std::move(call_));
    co_return synced.has_value() || !recorder.options().refuse_when_full;
  }
  [[nodiscard]] bool was_reached() const { return was_reached_; }

 private:
  Gateway& gateway_;
  FinishedCall& call_;
  Outgoing& outgoing_;
  bool was_reached_ = false;
};

net::awaitable<int> Gateway::exchange(const net::Request& request, net::Responder& out,
                                      const Identity& identity, wire::Format format,
                                      Outgoing outgoing) {
  RelayStamp stamp{.interaction_id = "", .request_id = parts_.ids.next("req")};
  outgoing.request.pieces = outgoing.pieces();  // `outgoing` stays where it is from here on
  const auto translator = answer_translator(outgoing, stamp.request_id);
  RelayOptions options;
  options.translator = translator.get();
  const LimitNotice notice(parts_.clock, identity.accounts, format);
  if (identity.accounts.any()) options.limits = &notice;
  if (!outgoing.recorded && !identity.accounts.any()) {
    auto outcome =
        co_await ask(request, out, identity, format, outgoing, std::move(stamp), options);
    co_return co_await conclude(out, identity, format, outcome);
  }
  FinishedCall call = open_call(request, identity, format, outgoing);
  DurableEnd end(*this, call, outgoing);
  options.copy_limit = kAnswerCopyBytes;
  if (outgoing.recorded) {
    if (parts_.recorder.options().before_answer) options.before_end = &end;
    stamp.interaction_id = call.facts.id;
    parts_.recorder.begin(call);
  }
  auto outcome = co_await ask(request, out, identity, format, outgoing, std::move(stamp), options);
  if (options.before_end != nullptr && !end.was_reached() && unanswered(outcome)) {
    const bool ended = co_await end.reached(outcome, failure_status(outcome));
    static_cast<void>(ended);  // what follows is our own error, and says so
  }
  const int status = co_await conclude(out, identity, format, outcome);
  if (end.was_reached()) co_return status;
  close_call(call, outgoing, outcome, status);
  co_await parts_.recorder.wait_for_place(call.request.text().size() + call.answer.size());
  parts_.recorder.finish(std::move(call));
  co_return status;
}

// What is known of a call before it goes out.
FinishedCall Gateway::open_call(const net::Request& request, const Identity& identity,
                                wire::Format format, const Outgoing& outgoing) const {
  const Target& target = outgoing.target;
  FinishedCall call;
  call.format = format;
  call.may_capture = identity.caller.capture;
  call.policy_allows = level_of(identity.caller) == people::CaptureLevel::kContent;
  call.stored = outgoing.recorded;
  call.accounts = identity.accounts;
  if (identity.accounts.of_key) call.facts.key = identity.caller.key_id;
  auto& facts = call.facts;
  facts.id = parts_.ids.next("int");
  facts.person = identity.caller.person;
  facts.team = identity.caller.team;
  facts.tool = tool_name(request.headers);
  facts.wire = wire::name(format);
  take_target(target.route, *target.upstream, facts);
  facts.purpose = label(request.headers, "x-hone-purpose");
  facts.started_at = parts_.clock.now();
  for (const auto* name : {"x-claude-code-session-id", "x-session-id", "session-id"}) {
    const std::string session = label(request.headers, name);
    if (session.empty()) continue;
    facts.handles.push_back({"session", session});
    break;
  }
  return call;
}

// What is known of it when it is over, with what was said.
void Gateway::close_call(FinishedCall& call, Outgoing& outgoing, RelayOutcome& outcome,
                         int status) const {
  call.request_bytes = outgoing.body.text().size();
  if (call.stored) call.request = std::move(outgoing.body);
  call.request_encoding = std::move(outgoing.encoding);
  auto& facts = call.facts;
  const Target& target = outgoing.target;
  if (facts.upstream != target.upstream->name || facts.model != target.route.model) {
    take_target(target.route, *target.upstream, facts);  // another one answered
  }
  facts.status = status;
  facts.first_byte_ms = outcome.first_byte.count();
  facts.duration_ms = to_millis(parts_.clock.now()) - to_millis(facts.started_at);
  facts.error = name(outcome.failure);
  facts.streamed = outcome.streamed;
  call.answer_encoding = std::move(outcome.encoding);
  if (!outcome.request_id.empty()) facts.handles.push_back({"request", outcome.request_id});
  call.answer = std::move(outcome.copy);
}

// Counts what went wrong, and answers where the relay could not.
net::awaitable<int> Gateway::conclude(net::Responder& out, const Identity& identity,
                                      wire::Format format, const RelayOutcome& outcome) {
  switch (outcome.failure) {
    case RelayFailure::kNone:
      break;
    case RelayFailure::kUnreachable:
      ++counters_.upstream_unreachable;
      break;
    case RelayFailure::kTimeout:
      ++counters_.upstream_timeouts;
      break;
    case RelayFailure::kCut:
      ++counters_.upstream_cuts;
      break;
    case RelayFailure::kClientGone:
      ++counters_.clients_gone;
      break;
    case RelayFailure::kDeclined:
    case RelayFailure::kWithheld:
      break;  // counted where it was decided
  }
  if (!unanswered(outcome)) co_return outcome.status;
  spdlog::warn("a call failed: {}", outcome.message);
  net::Headers headers = told_limits(identity, format);
  co_return co_await refuse(out, format, failure_status(outcome), outcome.message,
                            std::move(headers));
}

net::awaitable<int> Gateway::pass_through(net::Request& request, net::Responder& out,
                                          const Identity& identity, wire::Format format) {
  Outgoing nothing_known;
  std::string body = std::move(request.body);
  auto call = unread(std::move(body), request, identity, format, std::move(nothing_known));
  if (!call) {
    const int status = net::http_status(call.error().code);
    co_return co_await refuse(out, format, status, call.error().message);
  }
  call->request.safe_to_resend = false;  // who knows what it does
  RelayStamp stamp{.interaction_id = "", .request_id = parts_.ids.next("req")};
  RelayOptions options;
  auto outcome =
      co_await relay(parts_.client, std::move(call->request), out, std::move(stamp), options);
  co_return co_await conclude(out, identity, format, outcome);
}

net::awaitable<int> Gateway::refuse(net::Responder& out, wire::Format format, int status,
                                    std::string message) {
  net::Headers none;
  co_return co_await refuse(out, format, status, std::move(message), std::move(none));
}

net::awaitable<int> Gateway::refuse(net::Responder& out, wire::Format format, int status,
                                    std::string message, net::Headers headers) {
  const std::string id = parts_.ids.next("req");
  net::Response response =
      net::text_response(status, wire::error_body(format, status, message, id), "application/json");
  response.headers.add("request-id", id);
  for (const auto& field : headers) response.headers.add(field.name, field.value);
  if (status == 426) response.headers.add("upgrade", "http/1.1");
  co_return co_await send(out, std::move(response));
}

net::awaitable<int> Gateway::send(net::Responder& out, net::Response response) {
  const int status = response.status;
  const auto sent = co_await out.send(std::move(response));
  co_return sent ? status : 0;
}

}  // namespace hone::capture
