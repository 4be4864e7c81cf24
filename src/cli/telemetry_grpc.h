// OTLP over gRPC, where hone.toml asks for it ([telemetry] grpc): a second listener beside the HTTP
// one, with its certificate and its rule for servers without keys, for the same Api.
#pragma once

#include <memory>

#include "api/api.h"
#include "cli/settings.h"
#include "net/grpc_server.h"

namespace hone::cli {

// Of the files that HTTPS is served with, which have been found to be good; none without TLS.
[[nodiscard]] Result<net::GrpcCertificate> read_certificate(const Settings& settings);

// None where it is not asked for. `beside_another`: the server whose place this one takes may still
// have the port.
[[nodiscard]] Result<std::unique_ptr<net::GrpcServer>> listen_for_telemetry(
    const Settings& settings, net::Runtime& runtime, api::Api& api,
    net::GrpcCertificate certificate, bool beside_another);

}  // namespace hone::cli
