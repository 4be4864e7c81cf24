// What GitHub and GitLab report about tests and CI, as outcomes of a commit
// (feedback/ci_outcome.h):
//
//   POST /v1/hooks/github   X-Hub-Signature-256: sha256=HMAC of the body under the secret
//   POST /v1/hooks/gitlab   X-Gitlab-Token: the secret
//
// Nothing is read of a body whose signature does not hold. 202 with {"id"} means that the outcome
// is in the outbox, synced; 202 with {"ignored"} that the event says nothing about a commit, or is
// none that we know (counted). 4xx: not signed, malformed, too large.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "api/ci_secrets.h"
#include "api/metrics.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/reloadable.h"
#include "net/async.h"
#include "net/http.h"
#include "net/server.h"
#include "net/work_pool.h"
#include "privacy/redactor.h"
#include "store/outbox.h"
#include "store/records.h"

namespace hone::api {

struct CiReply {
  enum class Result { kOutcome, kNothing, kUnknown, kRefused };
  Result result = Result::kRefused;
  net::Response response;                   // of all but an outcome
  std::optional<store::Feedback> feedback;  // of an outcome, redacted
};

// What one request says; takes no longer for a secret that is nearly right.
[[nodiscard]] CiReply read_ci_hook(const net::Request& request, const CiSecrets& secrets,
                                   const privacy::Redactor& redactor, Time now);

// What it works with; all of it outlives the CiHooks.
struct CiHookParts {
  Clock& clock;
  store::Outbox& outbox;
  const privacy::Redactor& redactor;
  net::WorkPool& work;
};

// One serves all connections.
class CiHooks {
 public:
  CiHooks(CiHookParts parts, CiSecrets secrets) : parts_(parts), secrets_(std::move(secrets)) {}

  [[nodiscard]] static bool handles(const net::Request& request);
  [[nodiscard]] net::awaitable<void> handle(const net::Request& request, net::Responder& responder);
  // For requests that begin from now on. From any thread.
  void set_secrets(CiSecrets secrets) { secrets_.set(std::move(secrets)); }
  void measure(MetricsText& text) const;

 private:
  [[nodiscard]] net::awaitable<net::Response> answer(const net::Request& request);

  const CiHookParts parts_;
  Reloadable<CiSecrets> secrets_;
  std::atomic<std::uint64_t> outcomes_ = 0;
  std::atomic<std::uint64_t> nothing_ = 0;
  std::atomic<std::uint64_t> unknown_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace hone::api
