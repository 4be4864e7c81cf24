// The way tools take to their models. A request's bytes go to the upstream as they came, but for
// the model name that an alias resolves to; the answer's bytes come back as they arrive, chunk by
// chunk. Where the upstream does not speak the tool's format, both are translated on the way
// (gateway_translation.cpp). Recording happens beside (capture/recorder.h), in the tool's format.
// The path of a request is gateway.cpp from top to bottom; what goes out is made in
// gateway_prepare.cpp.
//
//   POST /v1/chat/completions, /v1/messages, /v1/responses   routed by alias, recorded
//   POST /v1/messages/count_tokens,
//        /v1/responses/input_tokens, /v1/responses/compact   routed by alias, not recorded
//   GET  /v1/models                       aliases, and what the upstreams have
//   HEAD anything                         200: clients probe with it
//   a WebSocket                           426: Codex then goes on over HTTP
//   anything else under /v1/              to the upstream untouched, not recorded
//
// A caller is known by `x-hone-key`, `x-api-key` or `Authorization: Bearer`. An unknown key gets
// 401, unless the gateway is open: then it may be the provider's, and goes through with the
// request. Our own headers in a request: x-hone-key, x-hone-tool, x-hone-purpose; they are not
// passed on.
//
// A model call is turned away with 429 where the caller's limits say so, and with 503 where it
// could not be recorded and nothing may pass unrecorded. Where a caller has limits, each answer to
// a model call says where they stand (limits_answer.h). A call whose upstream does not answer, or
// answers 5xx, goes to the alias's next upstream, as long as no byte has gone to the client.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/reloadable.h"
#include "capture/fallbacks.h"
#include "capture/gateway_model_field.h"
#include "capture/limits.h"
#include "capture/recorder.h"
#include "capture/router.h"
#include "capture/upstream.h"
#include "net/async.h"
#include "net/client.h"
#include "net/http.h"
#include "net/server.h"
#include "people/capture_policy.h"
#include "people/directory.h"
#include "wire/translate.h"

namespace hone::capture {

struct RelayOptions;  // gateway_relay.h
struct RelayOutcome;
struct RelayStamp;

// For /metrics.
struct GatewayCounters {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> in_flight = 0;
  std::atomic<std::uint64_t> answered_2xx = 0;
  std::atomic<std::uint64_t> answered_3xx = 0;
  std::atomic<std::uint64_t> answered_4xx = 0;
  std::atomic<std::uint64_t> answered_5xx = 0;
  std::atomic<std::uint64_t> upstream_unreachable = 0;  // 502
  std::atomic<std::uint64_t> upstream_timeouts = 0;     // 504, or silent in mid-stream
  std::atomic<std::uint64_t> upstream_cuts = 0;         // died in mid-answer
  std::atomic<std::uint64_t> clients_gone = 0;
};

// What it works with; all of it outlives the gateway.
struct GatewayParts {
  Clock& clock;
  IdSource& ids;
  net::Client& client;
  const Upstreams& upstreams;
  Router& router;
  const people::Directory& directory;
  Recorder& recorder;
  bool open = false;  // no key needed (loopback only)
  people::CapturePolicy capture_policy = {};
  Fallbacks fallbacks = {};
  Limits* limits = nullptr;  // none: nobody is limited
};

class Gateway {
 public:
  explicit Gateway(const GatewayParts& parts)
      : parts_(parts), capture_policy_(parts.capture_policy), fallbacks_(parts.fallbacks) {}

  // True for what is the gateway's to answer.
  [[nodiscard]] static bool handles(const net::Request& request);
  // Takes the request's body.
  [[nodiscard]] net::awaitable<void> handle(net::Request& request, net::Responder& out);
  [[nodiscard]] const GatewayCounters& counters() const { return counters_; }

  // For calls that begin from now on. From any thread.
  void set_capture_policy(people::CapturePolicy policy) { capture_policy_.set(std::move(policy)); }
  void set_fallbacks(Fallbacks fallbacks) { fallbacks_.set(std::move(fallbacks)); }

 private:
  class DurableEnd;
  struct Identity {
    people::Caller caller;
    std::string key;           // ours, by which we know the caller; "" for one unknown
    LimitAccounts accounts{};  // who is charged for the call
  };
  struct Target {
    Route route;
    const Upstream* upstream = nullptr;
  };
  // A model call as it goes out, and what of it is for the recorder. A body is never copied: it
  // goes out in pieces, around the name that another one takes the place of.
  struct Outgoing {
    Target target;
    net::ClientRequest request;
    wire::CutBody body;    // without a coding
    std::string encoded;   // the body as it came, where it goes out so and is not `body`
    std::string encoding;  // the coding that could not be undone, and hides `body`
    ModelField model;      // in `body`
    std::string renamed;   // what takes its place, with quotes; "" where it stays
    bool recorded = false;
    std::optional<wire::AnswerPlan> translation;  // where the upstream speaks another format
    [[nodiscard]] std::array<std::string_view, 3> pieces() const;
  };

  // These answer, and give the status that the client got; 0 where it is gone.
  [[nodiscard]] net::awaitable<int> dispatch(net::Request& request, net::Responder& out);
  [[nodiscard]] net::awaitable<int> model_call(net::Request& request, net::Responder& out,
                                               const Identity& identity, wire::Format format,
                                               bool recorded);
  [[nodiscard]] net::awaitable<int> exchange(const net::Request& request, net::Responder& out,
                                             const Identity& identity, wire::Format format,
                                             Outgoing call);
  [[nodiscard]] net::awaitable<int> pass_through(net::Request& request, net::Responder& out,
                                                 const Identity& identity, wire::Format format);
  [[nodiscard]] net::awaitable<int> conclude(net::Responder& out, const Identity& identity,
                                             wire::Format format, const RelayOutcome& outcome);
  [[nodiscard]] net::awaitable<int> refuse(net::Responder& out, wire::Format format, int status,
                                           std::string message);
  [[nodiscard]] net::awaitable<int> refuse(net::Responder& out, wire::Format format, int status,
                                           std::string message, net::Headers headers);
  // Sends the call on, to the alias's next upstream where one does not answer; `call.target` is
  // whose answer it was. gateway_order.cpp
  [[nodiscard]] net::awaitable<RelayOutcome> ask(const net::Request& request, net::Responder& out,
                                                 const Identity& identity, wire::Format format,
                                                 Outgoing& call, RelayStamp stamp,
                                                 RelayOptions options);
  [[nodiscard]] net::awaitable<RelayOutcome> ask_in_order(const net::Request& request,
                                                          net::Responder& out,
                                                          const Identity& identity,
                                                          wire::Format format, Outgoing& call,
                                                          RelayStamp stamp, RelayOptions options,
                                                          std::vector<Target> targets);
  [[nodiscard]] std::vector<Target> targets_of(const Target& meant, const net::Request& request,
                                               wire::Format format) const;
  void note(const Upstream& upstream, const RelayOutcome& outcome) const;
  [[nodiscard]] static net::awaitable<int> send(net::Responder& out, net::Response response);

  [[nodiscard]] net::awaitable<net::Response> list_models(const net::Request& request,
                                                          const Identity& identity,
                                                          wire::Format format);
  [[nodiscard]] net::Headers told_limits(const Identity& identity, wire::Format format) const;
  [[nodiscard]] people::CaptureLevel level_of(const people::Caller& caller) const;
  [[nodiscard]] std::optional<Identity> identify(const net::Request& request) const;
  [[nodiscard]] Result<Outgoing> prepare(net::Request& request, const Identity& identity,
                                         wire::Format format, bool recorded) const;
  void address(Outgoing& call, Target target, const net::Request& request, const Identity& identity,
               wire::Format format) const;
  // Makes the call one for another target, in its own format or translated. Where that cannot be
  // done it stays as it is.
  [[nodiscard]] Result<void> redirect(Outgoing& call, Target target, const net::Request& request,
                                      const Identity& identity, wire::Format format) const;
  // As it is, or translated.
  [[nodiscard]] static bool can_answer(const Upstream& upstream, const net::Request& request,
                                       wire::Format format);
  [[nodiscard]] Result<Outgoing> unread(std::string body, const net::Request& request,
                                        const Identity& identity, wire::Format format,
                                        Outgoing call) const;
  [[nodiscard]] Result<Outgoing> translate(const net::Request& request, const Identity& identity,
                                           wire::Format format, Outgoing call) const;
  [[nodiscard]] std::unique_ptr<wire::AnswerTranslator> answer_translator(
      const Outgoing& call, const std::string& request_id) const;
  [[nodiscard]] Result<Target> find_target(const std::string& model,
                                           const std::string& person) const;
  [[nodiscard]] FinishedCall open_call(const net::Request& request, const Identity& identity,
                                       wire::Format format, const Outgoing& outgoing) const;
  void close_call(FinishedCall& call, Outgoing& outgoing, RelayOutcome& outcome, int status) const;

  GatewayParts parts_;
  Reloadable<people::CapturePolicy> capture_policy_;
  Reloadable<Fallbacks> fallbacks_;
  GatewayCounters counters_;
};

}  // namespace hone::capture
