#include "net/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "base/log.h"

namespace hone::net {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

// Clients make a new connection by themselves.
constexpr auto kConnectionAge = 10min;
constexpr auto kLastCalls = 60s;  // of a connection of that age
constexpr auto kIdle = 5min;
constexpr auto kHandshake = 10s;
constexpr auto kLastWords = 1s;  // for the answers of calls that are cut off
constexpr int kCallsOfAConnection = 64;
constexpr int kMetadataBytes = 32 << 10;

int milliseconds(std::chrono::milliseconds time) {
  return static_cast<int>(time.count());
}

grpc::Status to_grpc(const GrpcStatus& status) {
  return {static_cast<grpc::StatusCode>(status.code), status.message};
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const auto& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

GrpcCall head_of(const grpc::GenericCallbackServerContext& context) {
  GrpcCall call;
  call.method = context.method();
  call.host = context.host();
  for (const auto& [name, value] : context.client_metadata()) {
    call.metadata.add(std::string(name.data(), name.size()),
                      std::string(value.data(), value.size()));
  }
  return call;
}

class Call;

// What all calls of a listener share; the last of them, or the listener, lets it go.
struct Shared {
  Shared(Runtime& the_runtime, GrpcServerOptions the_options, GrpcHandlers the_handlers,
         std::shared_ptr<GrpcCounters> the_counters)
      : runtime(the_runtime),
        options(std::move(the_options)),
        handlers(std::move(the_handlers)),
        counters(std::move(the_counters)) {}
  Runtime& runtime;
  const GrpcServerOptions options;
  const GrpcHandlers handlers;
  const std::shared_ptr<GrpcCounters> counters;

  // False where there are too many, or they have been cut off.
  [[nodiscard]] bool enter(Call* call);
  void leave(Call* call);
  void cut_off();

 private:
  std::mutex mutex_;
  std::unordered_set<Call*> calls_;  // admitted; those that gRPC waits for
  bool ended_ = false;               // who came from here on, nobody would cut off
};

// One call. gRPC holds it until OnDone, our coroutine until that has ended; either may be first.
class Call final : public grpc::ServerGenericBidiReactor,
                   public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Shared> shared, GrpcCall asked)
      : shared_(std::move(shared)),
        home_(shared_->runtime.next_io()),
        patience_(home_),
        asked_(std::move(asked)) {}

  // For gRPC.
  grpc::ServerGenericBidiReactor* begin() {
    held_ = shared_from_this();
    ++shared_->counters->calls;
    // First, so that strangers, who may take long to read that they are, take nobody's room.
    if (GrpcStatus status = shared_->handlers.admit(asked_); status.code != GrpcCode::kOk) {
      ++shared_->counters->refused;
      finish({.status = std::move(status)});
      return this;
    }
    if (!shared_->enter(this)) {
      ++shared_->counters->over_limit;
      finish({.status = {GrpcCode::kUnavailable, "too many calls at once; try again"}});
      return this;
    }
    patience_.expires_after(shared_->options.message_timeout);
    patience_.async_wait([call = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) call->give_up();
    });
    StartRead(&received_);
    return this;
  }
  // What comes after the first answer is not told: a call has one.
  void finish(const GrpcReply& reply) {
    if (finished_.exchange(true)) return;
    if (reply.status.code != GrpcCode::kOk) return Finish(to_grpc(reply.status));
    const grpc::Slice slice(reply.message);
    sent_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&sent_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void cut_off() {
    if (finished_) return;
    ++shared_->counters->cut_off;
    finish({.status = {GrpcCode::kUnavailable, "the server ends; try again"}});
  }

  void OnReadDone(bool whole) override {
    asio::post(home_, [call = shared_from_this()] { call->patience_.cancel(); });
    if (finished_) return;
    if (!whole) {  // where gRPC itself has refused the message, it has said so already
      ++shared_->counters->without_message;
      finish({.status = {GrpcCode::kInvalidArgument, "the call has no message"}});
      return;
    }
    asked_.message = bytes_of(received_);
    received_.Clear();
    auto ended = [call = shared_from_this()](const std::exception_ptr& failed) {
      if (!failed) return;
      spdlog::error("a gRPC handler failed in an unforeseen way");
      call->finish({.status = {GrpcCode::kInternal, "internal error"}});
    };
    asio::co_spawn(home_, answer(), std::move(ended));
  }
  void OnDone() override {
    const auto held = std::move(held_);
    shared_->leave(this);
  }

 private:
  void give_up() {
    ++shared_->counters->without_message;
    finish({.status = {GrpcCode::kDeadlineExceeded, "the message does not come"}});
  }
  awaitable<void> answer() {
    const GrpcReply reply = co_await shared_->handlers.answer(asked_);
    finish(reply);
  }

  const std::shared_ptr<Shared> shared_;
  asio::io_context& home_;
  Timer patience_;  // for the message; once it waits, of home_ alone
  GrpcCall asked_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sent_;
  std::atomic<bool> finished_ = false;
  std::shared_ptr<Call> held_;  // gRPC's
};

bool Shared::enter(Call* call) {
  const std::lock_guard lock(mutex_);
  if (ended_ || calls_.size() >= options.max_calls) return false;
  calls_.insert(call);
  return true;
}

void Shared::leave(Call* call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

void Shared::cut_off() {
  std::vector<std::shared_ptr<Call>> late;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    for (Call* call : calls_) late.push_back(call->shared_from_this());
  }
  for (const auto& call : late) call->cut_off();
}

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return std::make_shared<Call>(shared_, head_of(*context))->begin();
  }

 private:
  const std::shared_ptr<Shared> shared_;
};

// gRPC shares its port with whoever else of this user lets it be shared, and so would never find it
// taken.
Result<void> find_free(const tcp::endpoint& endpoint) {
  boost::system::error_code failed;
  asio::io_context io;
  tcp::acceptor probe(io);
  probe.open(endpoint.protocol(), failed);
  if (!failed) probe.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) probe.bind(endpoint, failed);
  if (!failed) return {};
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  if (failed == asio::error::address_in_use) {
    return fail(ErrorCode::kUnavailable, "port " + port + " of " + address +
                                             " is taken; stop who has it, or choose another");
  }
  return fail(ErrorCode::kUnavailable,
              "cannot listen on " + address + ":" + port + ": " + failed.message());
}

std::shared_ptr<grpc::ServerCredentials> credentials(const GrpcCertificate& certificate) {
  if (certificate.chain.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({certificate.key, certificate.chain});
  return grpc::SslServerCredentials(options);
}

void set_limits(grpc::ServerBuilder& builder, const GrpcServerOptions& options) {
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsOfAConnection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, milliseconds(kHandshake));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, milliseconds(kIdle));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, milliseconds(kConnectionAge));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, milliseconds(kLastCalls));
  grpc::ResourceQuota quota("hone");
  quota.Resize(options.memory_bytes);
  builder.SetResourceQuota(quota);
}

// Its own log names every stranger who knocks, on standard error.
void log_as_we_do(gpr_log_func_args* line) {
  spdlog::debug("gRPC: {}", line->message);
}

// gRPC's server, which has one certificate for all its life.
class Listener {
 public:
  explicit Listener(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), service_(shared_) {}
  ~Listener() { stop(0ms); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The port.
  Result<std::uint16_t> open() {
    const auto& options = shared_->options;
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(options.address, failed);
    if (failed) return fail(ErrorCode::kInvalid, "'" + options.address + "' is not an IP address");
    if (!options.beside_another && options.port != 0) {
      if (auto found = find_free({address, options.port}); !found) return fail(found.error());
    }
    const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : options.address;
    const std::string where = host + ":" + std::to_string(options.port);
    grpc::ServerBuilder builder;
    set_limits(builder, options);
    builder.RegisterCallbackGenericService(&service_);
    int port = 0;
    builder.AddListeningPort(where, credentials(options.certificate), &port);
    server_ = builder.BuildAndStart();
    if (server_ && port != 0) return static_cast<std::uint16_t>(port);
    return fail(ErrorCode::kUnavailable,
                "cannot listen on " + where + " for gRPC; log_level = \"debug\" tells more");
  }

  // gRPC waits for its calls without a limit once their grace is over, so they are ended by then.
  void stop(std::chrono::milliseconds grace) {
    if (!server_) return;
    auto& io = shared_->runtime.io();
    auto timer = std::make_shared<Timer>(io, grace);
    timer->async_wait([shared = shared_](boost::system::error_code cancelled) {
      if (!cancelled) shared->cut_off();
    });
    server_->Shutdown(std::chrono::system_clock::now() + grace + kLastWords);
    asio::post(io, [timer] { timer->cancel(); });
    server_.reset();
  }

 private:
  const std::shared_ptr<Shared> shared_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

class GrpcServer::State {
 public:
  State(Runtime& runtime, GrpcServerOptions options, GrpcHandlers handlers)
      : runtime_(runtime), options_(std::move(options)), handlers_(std::move(handlers)) {}

  Result<void> open() {
    gpr_set_log_function(log_as_we_do);
    return start(options_);
  }
  Result<void> renew(GrpcCertificate certificate, std::chrono::milliseconds grace) {
    HONE_ASSERT(!options_.certificate.chain.empty() && !certificate.chain.empty());
    if (stopped_ || certificate == options_.certificate) return {};
    auto options = options_;
    options.certificate = std::move(certificate);
    options.beside_another = true;  // the one that goes
    auto former = std::move(listener_);
    if (auto started = start(std::move(options)); !started) {
      listener_ = std::move(former);
      return started;
    }
    former->stop(grace);
    return {};
  }
  void stop(std::chrono::milliseconds grace) {
    stopped_ = true;
    listener_->stop(grace);
  }

  [[nodiscard]] std::uint16_t port() const { return options_.port; }
  [[nodiscard]] const GrpcCounters& counters() const { return *counters_; }

 private:
  Result<void> start(GrpcServerOptions options) {
    auto shared = std::make_shared<Shared>(runtime_, options, handlers_, counters_);
    auto listener = std::make_unique<Listener>(std::move(shared));
    const auto port = listener->open();
    if (!port) return fail(port.error());
    options_ = std::move(options);
    options_.port = *port;
    listener_ = std::move(listener);
    return {};
  }

  Runtime& runtime_;
  GrpcServerOptions options_;
  const GrpcHandlers handlers_;
  const std::shared_ptr<GrpcCounters> counters_ = std::make_shared<GrpcCounters>();
  std::unique_ptr<Listener> listener_;
  bool stopped_ = false;
};

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GrpcServer::~GrpcServer() {
  stop(0ms);
}

Result<std::unique_ptr<GrpcServer>> GrpcServer::listen(Runtime& runtime, GrpcServerOptions options,
                                                       GrpcHandlers handlers) {
  auto state = std::make_unique<State>(runtime, std::move(options), std::move(handlers));
  if (auto opened = state->open(); !opened) return fail(opened.error());
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
}

std::uint16_t GrpcServer::port() const {
  return state_->port();
}
const GrpcCounters& GrpcServer::counters() const {
  return state_->counters();
}
Result<void> GrpcServer::set_certificate(GrpcCertificate certificate,
                                         std::chrono::milliseconds grace) {
  return state_->renew(std::move(certificate), grace);
}
void GrpcServer::stop(std::chrono::milliseconds grace) {
  state_->stop(grace);
}

}  // namespace hone::net
