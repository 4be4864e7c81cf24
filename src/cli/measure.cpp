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

void measure_upstreams(api::MetricsText& text, const capture::Upstreams& upstreams) {
  // The values of one name stand one after another.
  const auto each = [&](std::string_view metric, std::string_view help,
                        std::atomic<std::uint64_t> capture::UpstreamCounters::* counter,
                        const std::string& more = {}) {
    for (const auto& upstream : upstreams.all()) {
      text.counter(metric, help, number(upstream.health->counters.*counter),
                   "upstream=\"" + upstream.name + "\"" + more);
    }
  };
  using Counters = capture::UpstreamCounters;
  each("hone_upstream_calls_total", "Calls that went to an upstream.", &Counters::calls);
  constexpr auto kFailures = "hone_upstream_failures_total";
  constexpr auto kHelp = "Calls that an upstream failed.";
  each(kFailures, kHelp, &Counters::unreachable, ",kind=\"unreachable\"");
  each(kFailures, kHelp, &Counters::timeouts, ",kind=\"timeout\"");
  each(kFailures, kHelp, &Counters::cut, ",kind=\"cut\"");
  each(kFailures, kHelp, &Counters::errors, ",kind=\"5xx\"");
  each("hone_upstream_passed_over_total", "Calls that went elsewhere while an upstream rested.",
       &Counters::passed_over);
  each("hone_upstream_stood_in_total", "Calls that went to an upstream in another one's place.",
       &Counters::stood_in);
  for (const auto& upstream : upstreams.all()) {
    text.gauge("hone_upstream_resting", "1 after failures in a row, until a call finds it back.",
               upstream.health->resting() ? 1 : 0, "upstream=\"" + upstream.name + "\"");
  }
}

void measure_limits(api::MetricsText& text, const capture::LimitCounters& counters) {
  for (const auto measure : capture::kMeasures) {
    text.counter("hone_limited_total", "Calls refused with 429, by what was used up.",
                 number(counters.refused[static_cast<std::size_t>(measure)]),
                 "limit=\"" + std::string(capture::name(measure)) + "\"");
  }
}

void measure_recorder(api::MetricsText& text, const capture::RecorderCounters& counters,
                      std::size_t queued) {
  text.gauge("hone_recorder_queue", "Calls waiting to be recorded.", static_cast<double>(queued));
  text.counter("hone_recorded_total", "Interactions in the outbox.", number(counters.recorded));
  text.counter("hone_unrecorded_total", "Interactions that the outbox refused.",
               number(counters.unrecorded));
  text.counter("hone_refused_unrecorded_total",
               "Calls turned away since they could not have been recorded.",
               number(counters.refused));
  text.counter("hone_answers_not_synced_total",
               "Answers that waited in vain for their record to be on disk.",
               number(counters.not_synced));
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
  text.counter("hone_tls_failures_total", "TLS handshakes that came to nothing.",
               number(counters.tls_failures));
  text.counter("hone_slow_clients_total", "Connections ended for slowness.",
               number(counters.slow_clients));
}

void measure_grpc(api::MetricsText& text, const net::GrpcCounters& counters) {
  text.counter("hone_grpc_calls_total", "Calls over gRPC.", number(counters.calls));
  constexpr auto kNotTaken = "hone_grpc_calls_not_taken_total";
  constexpr auto kHelp = "Calls over gRPC that were ended before they were read or answered.";
  text.counter(kNotTaken, kHelp, number(counters.refused), "reason=\"refused\"");
  text.counter(kNotTaken, kHelp, number(counters.over_limit), "reason=\"too_many\"");
  text.counter(kNotTaken, kHelp, number(counters.without_message), "reason=\"no_message\"");
  text.counter(kNotTaken, kHelp, number(counters.cut_off), "reason=\"cut_off\"");
}

}  // namespace hone::cli
