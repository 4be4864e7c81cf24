// Everything under / that is not a model call: feedback and consent in, what happened out, health
// and metrics, the dashboard. One Api serves all connections; it runs on their loops and hands
// what blocks (the database, redaction) to the work pool.
//
//   GET  /healthz /readyz /metrics
//   POST /api/v1/feedback /api/v1/consent
//   GET  /api/v1/…                          docs/formats/api.md
//   GET  /                                  the dashboard
//   GET  /hone.js                           for pages of other origins, which may post feedback
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/caller.h"
#include "api/metrics.h"
#include "api/page.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/reloadable.h"
#include "net/async.h"
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
};

class Api {
 public:
  explicit Api(Parts parts)
      : parts_(std::move(parts)),
        capture_policy_(parts_.capture_policy),
        page_origins_(parts_.page_origins) {}
  [[nodiscard]] net::awaitable<void> handle(const net::Request& request, net::Responder& responder);
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
                                                            const people::Caller& caller);
  [[nodiscard]] net::awaitable<net::Response> post_consent(const net::Request& request,
                                                           const people::Caller& caller);
  [[nodiscard]] net::Response health() const;
  [[nodiscard]] net::Response readiness() const;
  [[nodiscard]] net::Response metrics() const;

  Parts parts_;
  Reloadable<people::CapturePolicy> capture_policy_;
  Reloadable<PageOrigins> page_origins_;
};

}  // namespace hone::api
