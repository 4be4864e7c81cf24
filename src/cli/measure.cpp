#include "cli/measure.h"

namespace hone::cli {
namespace {

double number(const std::atomic<std::uint64_t>& counter) {
  return static_cast<double>(counter.load());
}

}  // namespace

void measure_gateway(api::MetricsText& text, const capture::GatewayCounters& counters) {
  text.gauge("hone_gateway_in_flight", "Model calls being answered.", number(counters.in_flight));
  text.counter("hone_gateway_requests_total", "Requests to the gateway.",
               number(counters.requests));
  constexpr auto kAnswers = "hone_gateway_answers_total";
  constexpr auto kHelp = "Answers by class of status.";
  text.counter(kAnswers, kHelp, number(counters.answered_2xx), "class=\"2xx\"");
  text.counter(kAnswers, kHelp, number(counters.answered_3xx), "class=\"3xx\"");
  text.counter(kAnswers, kHelp, number(counters.answered_4xx), "class=\"4xx\"");
  text.counter(kAnswers, kHelp, number(counters.answered_5xx), "class=\"5xx\"");
  constexpr auto kFaults = "hone_upstream_faults_total";
  constexpr auto kFaultsHelp = "Upstreams that did not answer as they should.";
  text.counter(kFaults, kFaultsHelp, number(counters.upstream_unreachable), "kind=\"unreachable\"");
  text.counter(kFaults, kFaultsHelp, number(counters.upstream_timeouts), "kind=\"timeout\"");
  text.counter(kFaults, kFaultsHelp, number(counters.upstream_cuts), "kind=\"cut\"");
  text.counter("hone_clients_gone_total", "Tools that went away before their answer ended.",
               number(counters.clients_gone));
}

void measure_recorder(api::MetricsText& text, const capture::RecorderCounters& counters,
                      std::size_t queued) {
  text.gauge("hone_recorder_queue", "Calls waiting to be recorded.", static_cast<double>(queued));
  text.counter("hone_recorded_total", "Interactions in the outbox.", number(counters.recorded));
  text.counter("hone_unrecorded_total", "Interactions that the outbox refused.",
               number(counters.unrecorded));
  text.counter("hone_starts_missed_total", "Calls whose start was not written down.",
               number(counters.starts_missed));
  constexpr auto kBare = "hone_recorded_without_content_total";
  constexpr auto kHelp = "Interactions recorded without content.";
  text.counter(kBare, kHelp, number(counters.no_consent), "reason=\"no_consent\"");
  text.counter(kBare, kHelp, number(counters.policy), "reason=\"policy\"");
  text.counter(kBare, kHelp, number(counters.redaction_failed), "reason=\"redaction_failed\"");
  text.counter(kBare, kHelp, number(counters.unreadable), "reason=\"unreadable\"");
  text.counter(kBare, kHelp, number(counters.encoded), "reason=\"encoding\"");
  text.counter(kBare, kHelp, number(counters.too_large), "reason=\"too_large\"");
  text.counter(kBare, kHelp, number(counters.overflowed), "reason=\"overflow\"");
}

void measure_server(api::MetricsText& text, const net::ServerCounters& counters) {
  text.gauge("hone_connections", "Open connections.", number(counters.open));
  text.counter("hone_connections_refused_total", "Connections over the limit.",
               number(counters.over_limit));
  text.counter("hone_bad_requests_total", "Requests refused for their framing or size.",
               number(counters.bad_requests));
  text.counter("hone_slow_clients_total", "Connections ended for slowness.",
               number(counters.slow_clients));
}

}  // namespace hone::cli
