// A gRPC server whose methods take one message and give one, both as bytes: what they mean is the
// handlers' business. The only file of ours that sees gRPC's library is grpc_server.cpp, which a
// program that makes no GrpcServer does not link.
//
//   GrpcHandlers handlers{.admit = …, .answer = …};
//   auto server = GrpcServer::listen(runtime, {.port = 4317}, handlers);
//   …
//   (*server)->stop(5s);      // before the runtime, and before what the handlers use
//
// gRPC brings its own threads. They only take calls in and hand answers out: the work is done by
// coroutines on the loops of the runtime.
//
// The library takes a message in whole before it measures it, and undoes gzip without any limit. So
// `admit` is asked first, when there is no more of a call than its head, and a message comes as it
// was sent: gzip is for the handler to undo, within a limit. What is on its way in all calls
// together is bounded by `memory_bytes`; where that does not do, gRPC ends some of them. A whole
// message counts there no more: what waits for handlers is bounded by max_calls, each as long as a
// message may be.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/async.h"
#include "net/http.h"
#include "net/runtime.h"

namespace hone::net {

// grpc.github.io/grpc/core/md_doc_statuscodes.html; those that we use.
enum class GrpcCode {
  kOk = 0,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,  // clients send it again by themselves
  kUnauthenticated = 16,
};

struct GrpcStatus {
  GrpcCode code = GrpcCode::kOk;
  std::string message = {};
};

struct GrpcCall {
  std::string method;   // "/package.Service/Method"
  std::string host;     // :authority, "127.0.0.1:4317"
  Headers metadata;     // as the client gave it; names are in lower case
  std::string message;  // as it was sent: it may be gzip
};

struct GrpcReply {
  GrpcStatus status = {};
  std::string message = {};  // with kOk only
};

struct GrpcHandlers {
  // Whether the message of a call is wanted, which it does not have yet; another status than kOk is
  // the answer. On a thread of gRPC's, which it must not keep waiting.
  std::function<GrpcStatus(const GrpcCall&)> admit;
  // On one of the runtime's loops. The call lives until the coroutine ends, and is the handler's to
  // change.
  std::function<awaitable<GrpcReply>(GrpcCall&)> answer;
};

// Texts in PEM: the certificate with those that lead to its authority, and its private key.
struct GrpcCertificate {
  std::string chain = {};
  std::string key = {};
  bool operator==(const GrpcCertificate&) const = default;
};

struct GrpcServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                 // 0: any free one
  GrpcCertificate certificate = {};       // none: without TLS
  int max_message_bytes = 16 << 20;       // as sent
  std::size_t max_calls = 64;             // admitted, at once; what is over that is turned away
  std::size_t memory_bytes = 256U << 20;  // of messages that are not whole yet
  std::chrono::milliseconds message_timeout{60'000};  // from the head until it is whole
  // Another server of ours may have the port until we have come up; both take calls then.
  bool beside_another = false;
};

struct GrpcCounters {
  std::atomic<std::uint64_t> calls = 0;            // begun
  std::atomic<std::uint64_t> refused = 0;          // by `admit`
  std::atomic<std::uint64_t> over_limit = 0;       // turned away by max_calls
  std::atomic<std::uint64_t> without_message = 0;  // too long, too slow, or cut off
  std::atomic<std::uint64_t> cut_off = 0;          // by stop, while they were answered
};

class GrpcServer {
 public:
  // Fails with kUnavailable where the port is taken, kInvalid where the address is none.
  [[nodiscard]] static Result<std::unique_ptr<GrpcServer>> listen(Runtime& runtime,
                                                                  GrpcServerOptions options,
                                                                  GrpcHandlers handlers);
  ~GrpcServer();  // stop(0)
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const GrpcCounters& counters() const;  // from any thread

  // For connections from now on, where it is another one; those that are here are told to come
  // again, and have `grace` for their calls. Of a server with TLS. Where it fails the former
  // certificate is shown as before. Not from a runtime thread, nor beside stop.
  [[nodiscard]] Result<void> set_certificate(GrpcCertificate certificate,
                                             std::chrono::milliseconds grace);

  // Stops accepting, tells clients to go elsewhere, lets calls finish within `grace`, then answers
  // them kUnavailable. A handler that has not ended by then goes on until the runtime stops.
  // Idempotent; not from a runtime thread.
  void stop(std::chrono::milliseconds grace);

 private:
  class State;
  explicit GrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone::net
