#include "api/api.h"

#include "api/assets.h"
#include "api/refusals.h"

namespace hone::api {
namespace {

bool is_get(const net::Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

net::Response not_allowed(std::string_view allowed) {
  net::Response response = net::error_response(
      {ErrorCode::kInvalid, "this address takes " + std::string(allowed) + " only"});
  response.status = 405;
  response.headers.set("allow", std::string(allowed));
  return response;
}

net::Response unauthorized(const Error& error) {
  net::Response response = net::error_response(error);
  response.status = 401;
  return response;
}

net::awaitable<void> Api::handle(const net::Request& request, net::Responder& responder) {
  auto response = co_await answer(request);
  // The client may be gone; there is nobody left to tell.
  (void)co_await responder.send(std::move(response));
}

net::awaitable<net::Response> Api::answer(const net::Request& request) {
  const std::string path(request.path());
  if (path == "/healthz") co_return health();
  if (path == "/readyz") co_return readiness();
  if (path == "/metrics") co_return metrics();
  if (takes_telemetry(request)) co_return co_await answer_telemetry(request);
  if (takes_tool_event(request)) co_return co_await answer_tool_event(request);
  if (path == "/hone.js") co_return is_get(request) ? page_script(request) : not_allowed("GET");
  if (!path.starts_with("/api/")) {
    co_return is_get(request) ? asset_response(path) : not_allowed("GET");
  }
  if (path == "/api/v1/feedback") co_return co_await answer_feedback(request);
  const auto caller = identify(request, parts_.directory, parts_.open);
  if (!caller) co_return unauthorized(caller.error());
  if (path == "/api/v1/consent") {
    if (request.method != "POST") co_return not_allowed("POST");
    co_return co_await post_consent(request, *caller);
  }
  if (!is_get(request)) co_return not_allowed("GET");
  co_return co_await answer_read(request, *caller);
}

// The one address that pages of other origins may use. They may read its answers, refusals too.
net::awaitable<net::Response> Api::answer_feedback(const net::Request& request) {
  const PageOrigins& origins = page_origins_.get();
  if (request.method == "OPTIONS") co_return preflight(request, origins);
  net::Response response = co_await take_feedback(request, origins);
  allow_origin(response, request, origins);
  co_return response;
}

net::awaitable<net::Response> Api::take_feedback(const net::Request& request,
                                                 const PageOrigins& origins) {
  if (request.method != "POST") co_return not_allowed("POST");
  // A browser asks first before it sends a key in a header for a page of another origin. Without
  // one it does not, and any page that somebody looks at could post to their open server.
  if (key_of(request).empty() && !origin_may_post(request, origins)) {
    const Error refused{ErrorCode::kDenied,
                        "this page's origin may not post: name it in hone.toml, [page] origins"};
    co_return net::error_response(refused);
  }
  const auto beacon = read_beacon(request);
  if (!beacon) co_return net::error_response(beacon.error());
  const net::Request& meant = *beacon ? **beacon : request;
  const auto caller = identify(meant, parts_.directory, parts_.open, people::KeyScope::kFeedback);
  if (!caller) co_return unauthorized(caller.error());
  const bool whole_key =
      caller->scope == people::KeyScope::kAll && !is_stray_page(request, *caller);
  co_return co_await post_feedback(meant, *caller, whole_key);
}

net::Response Api::health() const {
  return net::json_response(200, json::object{{"ok", true}});
}

net::Response Api::readiness() const {
  json::array problems;
  if (parts_.outbox.fenced()) {
    problems.push_back("the outbox is fenced after a failed sync; restart to recover");
  }
  if (parts_.ready) {
    if (auto ready = parts_.ready(); !ready)
      problems.push_back(json::string(ready.error().message));
  }
  const bool ready = problems.empty();
  return net::json_response(ready ? 200 : 503,
                            json::object{{"ready", ready}, {"problems", std::move(problems)}});
}

net::Response Api::metrics() const {
  MetricsText text;
  const auto outbox = parts_.outbox.status();
  text.gauge("hone_outbox_bytes", "Bytes in the outbox.", static_cast<double>(outbox.total_bytes));
  text.gauge("hone_outbox_limit_bytes", "Beyond this, records are refused.",
             static_cast<double>(outbox.max_total_bytes));
  text.gauge("hone_outbox_fenced", "1 after a failed sync.", outbox.fenced ? 1 : 0);
  text.counter("hone_outbox_refused_total", "Records not taken.",
               static_cast<double>(outbox.refused_full), "reason=\"full\"");
  text.counter("hone_outbox_refused_total", "Records not taken.",
               static_cast<double>(outbox.refused_fenced), "reason=\"fenced\"");
  text.counter("hone_outbox_commits_total", "Group commits, one fdatasync each.",
               static_cast<double>(outbox.commits));
  const auto indexer = parts_.indexer.status();
  text.gauge("hone_indexer_lag_records", "Durable records not yet in the database.",
             static_cast<double>(indexer.lag_records));
  text.counter("hone_indexer_records_total", "Records brought into the database.",
               static_cast<double>(indexer.indexed_records));
  text.counter("hone_indexer_failed_batches_total", "Batches tried again.",
               static_cast<double>(indexer.failed_batches));
  text.counter("hone_indexer_set_aside_total", "Records that the database refused for good.",
               static_cast<double>(indexer.set_aside));
  text.gauge("hone_feedback_waiting",
             "Feedback whose interaction has not come, as of the last half minute.",
             static_cast<double>(indexer.waiting));
  constexpr auto kGivenUp = "hone_feedback_given_up_total";
  constexpr auto kGivenUpHelp = "Feedback whose interaction never came.";
  text.counter(kGivenUp, kGivenUpHelp, static_cast<double>(indexer.waited_in_vain),
               "reason=\"age\"");
  text.counter(kGivenUp, kGivenUpHelp, static_cast<double>(indexer.crowded_out),
               "reason=\"number\"");
  text.counter("hone_work_refused_total", "Work not taken because the queue was full.",
               static_cast<double>(parts_.work.refused()));
  text.counter("hone_dataset_cards_made_total", "Cards of datasets made for the API.",
               static_cast<double>(cards_.made()));
  text.counter("hone_dataset_cards_refused_total", "Cards not made because too many waited.",
               static_cast<double>(cards_.refused()));
  measure_telemetry(text, telemetry_);
  measure_tool_events(text, tool_events_);
  if (parts_.measure) parts_.measure(text);
  return net::text_response(200, text.text(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace hone::api
