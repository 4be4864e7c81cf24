// For tests only: a gRPC client of the library's own, blocking, that sends bytes and shows what
// comes back. Calls give up after ten seconds, so that a broken server fails a test and does not
// hang it.
//
//   GrpcClient client(server.port());
//   GrpcReply reply = client.call("/package.Service/Method", bytes, {.gzip = true});
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "net/grpc_server.h"

namespace hone::net {

// ThreadSanitizer does not see the locks of a library that was built without it, and takes every
// hand-over of gRPC's for a race.
#ifdef __SANITIZE_THREAD__
inline constexpr bool kGrpcCanBeTested = false;
#else
inline constexpr bool kGrpcCanBeTested = true;
#endif

struct GrpcSending {
  std::map<std::string, std::string> metadata = {};
  bool gzip = false;
  std::string authority = {};  // another host than the one that is called
};

class GrpcClient {
 public:
  // With TLS where there is an authority to trust, in PEM.
  explicit GrpcClient(std::uint16_t port, const std::string& trusted = "")
      : stub_(channel(port, trusted)) {}

  GrpcReply call(const std::string& method, const std::string& message,
                 const GrpcSending& sending = {}) {
    grpc::ClientContext context;
    prepare(context, sending);
    const grpc::Slice slice(message);
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    std::promise<grpc::Status> ended;
    stub_.UnaryCall(&context, method, {}, &sent, &received,
                    [&ended](grpc::Status status) { ended.set_value(std::move(status)); });
    return reply(ended.get_future().get(), received);
  }
  // Begins a call, and leaves it at that.
  GrpcReply call_without_message(const std::string& method) {
    grpc::ClientContext context;
    prepare(context, {});
    Silent silent;
    stub_.PrepareBidiStreamingCall(&context, method, {}, &silent);
    silent.StartRead(&silent.received);
    silent.StartCall();
    return reply(silent.ended.get_future().get(), silent.received);
  }

 private:
  struct Silent final : grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
    void OnDone(const grpc::Status& status) override { ended.set_value(status); }
    grpc::ByteBuffer received;
    std::promise<grpc::Status> ended;
  };

  // A connection of its own, whatever other clients of this process have.
  static std::shared_ptr<grpc::Channel> channel(std::uint16_t port, const std::string& trusted) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = trusted;
    return grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port),
        trusted.empty() ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(options),
        arguments);
  }
  static void prepare(grpc::ClientContext& context, const GrpcSending& sending) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    for (const auto& [name, value] : sending.metadata) context.AddMetadata(name, value);
    if (sending.gzip) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    if (!sending.authority.empty()) context.set_authority(sending.authority);
  }
  static GrpcReply reply(const grpc::Status& status, const grpc::ByteBuffer& received) {
    GrpcReply told;
    told.status = {.code = static_cast<GrpcCode>(status.error_code()),
                   .message = status.error_message()};
    std::vector<grpc::Slice> slices;
    if (received.Valid() && received.Dump(&slices).ok()) {
      for (const auto& slice : slices) told.message.append(slice.begin(), slice.end());
    }
    return told;
  }

  grpc::GenericStub stub_;
};

}  // namespace hone::net
