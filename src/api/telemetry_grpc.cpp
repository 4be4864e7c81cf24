// OTLP over gRPC (opentelemetry.io/docs/specs/otlp): each call is taken for the post that says the
// same over HTTP, and its answer put into gRPC's words.
#include <utility>

#include "api/api.h"
#include "api/telemetry.h"

namespace hone::api {
namespace {

struct Export {
  std::string_view method;
  std::string_view path;
};

constexpr Export kExports[] = {
    {"/opentelemetry.proto.collector.logs.v1.LogsService/Export", "/v1/logs"},
    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "/v1/traces"},
    {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "/v1/metrics"},
};

const Export* find_export(std::string_view method) {
  for (const Export& one : kExports) {
    if (one.method == method) return &one;
  }
  return nullptr;
}

// RFC 1952. gRPC's own flag is not handed on, and no message of ours begins so: it would be a field
// of a wire type that protobuf does not have.
constexpr std::string_view kGzipBegins = "\x1f\x8b";

// Of the metadata only what says who calls is believed.
net::Request as_post(const Export& method, const net::GrpcCall& call) {
  net::Request post;
  post.method = "POST";
  post.target = method.path;
  post.headers = call.metadata;
  post.headers.set("content-type", "application/x-protobuf");
  post.headers.remove("content-encoding");
  if (call.message.starts_with(kGzipBegins)) post.headers.add("content-encoding", "gzip");
  return post;
}

// Exporters send again what is kUnavailable or kDeadlineExceeded, and nothing else of these.
net::GrpcCode grpc_code(int http_status) {
  switch (http_status) {
    case 400:
    case 415:
      return net::GrpcCode::kInvalidArgument;
    case 401:
      return net::GrpcCode::kUnauthenticated;
    case 403:
      return net::GrpcCode::kPermissionDenied;
    case 413:
      return net::GrpcCode::kResourceExhausted;
    case 503:
      return net::GrpcCode::kUnavailable;
    case 504:
      return net::GrpcCode::kDeadlineExceeded;
    default:
      return net::GrpcCode::kInternal;
  }
}

net::GrpcStatus status_of(const TelemetryRefusal& refusal) {
  return {.code = grpc_code(refusal.status), .message = refusal.error.message};
}

}  // namespace

net::GrpcStatus Api::admit_grpc(const net::GrpcCall& call) {
  const Export* method = find_export(call.method);
  if (method == nullptr) {
    return {.code = net::GrpcCode::kUnimplemented,
            .message = "this server knows OTLP's Export of logs, traces and metrics"};
  }
  const auto sender = admit_telemetry(as_post(*method, call));
  if (sender) return {};
  ++telemetry_.refused;
  return status_of(sender.error());
}

net::awaitable<net::GrpcReply> Api::answer_grpc(net::GrpcCall& call) {
  const Export* method = find_export(call.method);
  HONE_ASSERT(method != nullptr);
  net::Request post = as_post(*method, call);
  post.body = std::move(call.message);
  const TelemetryAnswer answer = co_await take_telemetry(post);
  telemetry_.count(answer);
  net::GrpcReply reply;
  if (answer) {
    reply.message = wire::otlp_response(*telemetry_signal(post), wire::OtlpEncoding::kProtobuf,
                                        answer->rejected, answer->problem);
  } else {
    reply.status = status_of(answer.error());
  }
  co_return reply;
}

}  // namespace hone::api
