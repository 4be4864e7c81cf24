// The counters of gateway, recorder and servers as metrics.
#pragma once

#include "api/metrics.h"
#include "capture/gateway.h"
#include "capture/recorder.h"
#include "net/grpc_server.h"
#include "net/server.h"

namespace hone::cli {

void measure_gateway(api::MetricsText& text, const capture::GatewayCounters& counters);
// A line an upstream of what went to it, and how it stands.
void measure_upstreams(api::MetricsText& text, const capture::Upstreams& upstreams);
void measure_limits(api::MetricsText& text, const capture::LimitCounters& counters);
void measure_recorder(api::MetricsText& text, const capture::RecorderCounters& counters,
                      std::size_t queued);
void measure_server(api::MetricsText& text, const net::ServerCounters& counters);
void measure_grpc(api::MetricsText& text, const net::GrpcCounters& counters);

}  // namespace hone::cli
