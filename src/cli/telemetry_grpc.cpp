#include "cli/telemetry_grpc.h"

#include "base/file.h"
#include "wire/otlp.h"

namespace hone::cli {

Result<net::GrpcCertificate> read_certificate(const Settings& settings) {
  if (settings.tls_certificate.empty()) return net::GrpcCertificate();
  auto chain = read_file(posix_files(), settings.tls_certificate);
  if (!chain) return fail(chain.error().with("TLS certificate"));
  auto key = read_file(posix_files(), settings.tls_key);
  if (!key) return fail(key.error().with("TLS key"));
  return net::GrpcCertificate{.chain = std::move(*chain), .key = std::move(*key)};
}

Result<std::unique_ptr<net::GrpcServer>> listen_for_telemetry(const Settings& settings,
                                                              net::Runtime& runtime, api::Api& api,
                                                              net::GrpcCertificate certificate,
                                                              bool beside_another) {
  if (settings.telemetry_grpc.empty()) return nullptr;
  const auto endpoint = listening_at(settings, settings.telemetry_grpc);
  if (!endpoint) return fail(endpoint.error().with("telemetry.grpc"));
  const bool open = settings.auth == "open";
  net::GrpcHandlers handlers;
  handlers.admit = [&api, open](const net::GrpcCall& call) -> net::GrpcStatus {
    if (!open) return api.admit_grpc(call);
    if (const auto known = check_own_name(call.host); !known) {
      return {.code = net::GrpcCode::kPermissionDenied, .message = known.error().message};
    }
    return api.admit_grpc(call);
  };
  handlers.answer = [&api](net::GrpcCall& call) { return api.answer_grpc(call); };
  net::GrpcServerOptions options{.address = endpoint->host, .port = endpoint->port};
  options.certificate = std::move(certificate);
  options.max_message_bytes = static_cast<int>(wire::OtlpLimits().size_bytes);
  options.beside_another = beside_another;
  auto server = net::GrpcServer::listen(runtime, std::move(options), std::move(handlers));
  if (!server) return fail(server.error().with("telemetry.grpc"));
  return server;
}

}  // namespace hone::cli
