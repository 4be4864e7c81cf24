// Everything under / that is not a model call: feedback, consent and telemetry in, what happened
// out, health and metrics, the dashboard. One Api serves all connections; it runs on their loops
// and hands what blocks (the database, redaction) to the work pool.
//
//   GET  /healthz /readyz /metrics
//   POST /api/v1/feedback /api/v1/consent
//   POST /v1/logs /v1/traces /v1/metrics    docs/formats/otlp.md, which may come over gRPC as well
//   POST /v1/hooks/claude-code              what tools tell by themselves: docs/formats/feedback.md
//   POST /v1/events /v1/events/continue
//   GET  /api/v1/…                          docs/formats/api.md
//   GET  /                                  the dashboard
//   GET  /hone.js                           for pages of other origins, which may post feedback
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/caller.h"
#include "api/dataset_cards.h"
#include "api/metrics.h"
#include "api/page.h"
#include "api/telemetry.h"
#include "api/tool_events.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/reloadable.h"
#include "feedback/claude_hooks.h"
#include "net/async.h"
#include "net/grpc_server.h"
#include "net/http.h"
#include "net/server.h"
#include "net/work_pool.h"
#include "people/capture_policy.h"
#include "people/directory.h"
#include "privacy/redactor.h"
#include "store/database.h"
#include "store/indexer.h"
#include "store/outbox.h"

namespace hone::api {

// What it works with; all of it outlives the Api.
struct Parts {
  Clock& clock;
  IdSource& ids;
  store::Outbox& outbox;
  store::Indexer& indexer;
  store::Database& database;  // for reading; this connection is the Api's own
  people::Directory& directory;
  const privacy::Redactor& redactor;
  net::WorkPool& work;
  bool open = false;  // no key needed (loopback only)
  people::CapturePolicy capture_policy = {};
  PageOrigins page_origins = {};              // whose pages may post feedback
  std::function<void(MetricsText&)> measure;  // adds the metrics of the other parts
  std::function<Result<void>()> ready;        // what else must stand for /readyz
  std::string tenant_key = {};                // for calls that an event holds whole
};

class Api {
 public:
  explicit Api(Parts parts)
      : parts_(std::move(parts)),
        capture_policy_(parts_.capture_policy),
        page_origins_(parts_.page_origins) {}
  [[nodiscard]] net::awaitable<void> handle(const net::Request& request, net::Responder& responder);
  // Addresses under /v1/ that are not the gateway's.
  [[nodiscard]] static bool takes_telemetry(const net::Request& request);
  [[nodiscard]] static bool takes_tool_event(const net::Request& request) {
    return find_tool_event(request.path()).has_value();
  }
  // OTLP over gRPC: a call of one of the Export methods is what its post over HTTP would be. The
  // first from any thread: whether the call's message is wanted.
  [[nodiscard]] net::GrpcStatus admit_grpc(const net::GrpcCall& call);
  [[nodiscard]] net::awaitable<net::GrpcReply> answer_grpc(net::GrpcCall& call);
  // For requests that begin from now on. From any thread.
  void set_capture_policy(people::CapturePolicy policy) { capture_policy_.set(std::move(policy)); }
  void set_page_origins(PageOrigins origins) { page_origins_.set(std::move(origins)); }

 private:
  [[nodiscard]] net::awaitable<net::Response> answer(const net::Request& request);
  [[nodiscard]] net::awaitable<net::Response> answer_read(const net::Request& request,
                                                          const people::Caller& caller);
  [[nodiscard]] net::awaitable<net::Response> answer_feedback(const net::Request& request);
  [[nodiscard]] net::awaitable<net::Response> take_feedback(const net::Request& request,
                                                            const PageOrigins& origins);
  [[nodiscard]] net::awaitable<net::Response> post_feedback(const net::Request& request,
                                                            const people::Caller& caller,
                                                            bool whole_key);
  [[nodiscard]] net::awaitable<net::Response> post_consent(const net::Request& request,
                                                           const people::Caller& caller);
  [[nodiscard]] net::awaitable<net::Response> answer_telemetry(const net::Request& request);
  [[nodiscard]] std::expected<TelemetrySender, TelemetryRefusal> admit_telemetry(
      const net::Request& request) const;
  [[nodiscard]] net::awaitable<TelemetryAnswer> take_telemetry(const net::Request& request);
  [[nodiscard]] net::awaitable<net::Response> answer_tool_event(const net::Request& request);
  [[nodiscard]] net::Response health() const;
  [[nodiscard]] net::Response readiness() const;
  [[nodiscard]] net::Response metrics() const;

  Parts parts_;
  Reloadable<people::CapturePolicy> capture_policy_;
  TelemetryCounters telemetry_;
  feedback::ClaudeHooks claude_hooks_;
  ToolEventCounters tool_events_;
  Reloadable<PageOrigins> page_origins_;
  DatasetCards cards_;
};

}  // namespace hone::api
